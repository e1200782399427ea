"""Errors as problem JSON (RFC 9457), and helpers that send answers and read small bodies."""

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

import msgspec

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Headers = list[tuple[bytes, bytes]]

TITLES = {
    400: "malformed request",
    401: "not authorised",
    403: "not allowed",
    404: "not found",
    405: "method not allowed",
    408: "the request did not arrive in time",
    409: "not possible now",
    413: "too large",
    415: "encoding or type not supported",
    422: "a row does not fit the model",
    429: "too many attempts",
    500: "the model failed",
    502: "the version's answer could not be read",
    503: "not able to answer now",
    504: "no answer in time",
}


class Problem(Exception):
    """An error answer.

    retry_after_s: becomes Retry-After. headers: further headers. extra: further members of the
    problem JSON."""

    def __init__(
        self,
        status: int,
        detail: str,
        retry_after_s: int | None = None,
        headers: Headers | None = None,
        **extra: Any,
    ) -> None:
        super().__init__(detail)
        self.status, self.detail = status, detail
        self.retry_after_s, self.extra = retry_after_s, extra
        self.more_headers = headers or []

    def body(self) -> bytes:
        """The problem as JSON."""
        title = TITLES.get(self.status, "error")
        problem = {
            "type": "about:blank",
            "title": title,
            "status": self.status,
            "detail": self.detail,
        }
        return msgspec.json.encode({**problem, **self.extra})

    def headers(self) -> Headers:
        """Its content type, further headers, and Retry-After where there is one."""
        headers = [(b"content-type", b"application/problem+json"), *self.more_headers]
        if self.retry_after_s is not None:
            headers.append((b"retry-after", str(self.retry_after_s).encode()))

        return headers


async def answer(send: Send, status: int, headers: Headers, body: bytes) -> None:
    """Send a complete answer."""
    headers.append((b"content-length", str(len(body)).encode()))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def not_allowed(detail: str, *methods: str) -> Problem:
    """405, with the methods that are allowed."""
    return Problem(405, detail, headers=[(b"allow", ", ".join((*methods, "OPTIONS")).encode())])


async def answer_options(send: Send, *methods: str) -> None:
    """Answer OPTIONS with the allowed methods."""
    headers = not_allowed("", *methods).more_headers
    await send({"type": "http.response.start", "status": 204, "headers": headers})
    await send({"type": "http.response.body", "body": b""})


def failed() -> Problem:
    """500 for an unexpected exception, whose traceback is in the log."""
    cause = "an unexpected error; the router's log has the cause"
    return Problem(500, cause, title="the router failed")


async def read_body(
    receive: Receive, limit: int, clock: Callable[[], float], give_up_s: float = 30.0
) -> bytes:
    """The complete body; raises Problem 413 past `limit` bytes, 408 after `give_up_s`."""
    message = await receive()
    body: bytes = message.get("body", b"")
    if message.get("more_body") or message["type"] == "http.disconnect":
        body = await _rest_of_body(receive, message, body, limit, clock() + give_up_s, clock)

    if len(body) > limit:
        raise Problem(
            413, f"the body is larger than {limit} bytes: send the rows in several requests"
        )

    return body


async def _rest_of_body(
    receive: Receive,
    message: MutableMapping[str, Any],
    first: bytes,
    limit: int,
    give_up_at: float,
    clock: Callable[[], float],
) -> bytes:
    chunks, size = [first], len(first)
    while message["type"] != "http.disconnect" and message.get("more_body"):
        if size > limit:
            raise Problem(
                413, f"the body is larger than {limit} bytes: send the rows in several requests"
            )
        if clock() > give_up_at:
            raise Problem(408, "the body took too long to arrive: send it in one go")

        message = await receive()
        chunks.append(message.get("body", b""))
        size += len(chunks[-1])

    if message["type"] == "http.disconnect":
        raise Problem(408, "the body did not arrive")

    return b"".join(chunks)
