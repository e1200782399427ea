"""/session: signs a browser in and out, and says who it is.

POST exchanges a token for a cookie, DELETE ends the session, GET tells name and role."""

import logging
import time
from collections.abc import Callable

import msgspec

from rollout.access_tokens import NamedToken
from rollout.plurals import counted
from router.access.callers import Caller
from router.access.origin import is_encrypted
from router.access.rules import Access
from router.access.small_body import fields_of, is_form, small_body
from router.access.wrong_tokens import WrongTokens
from router.problems import (
    Headers,
    Problem,
    Receive,
    Scope,
    Send,
    answer,
    answer_options,
    not_allowed,
)

log = logging.getLogger("sluice.access")
PATH = "/session"
METHODS = ("GET", "HEAD", "POST", "DELETE")
LONGEST_TOKEN = 200
LOG_AGAIN_S = 60.0


class SessionEndpoint:
    """The endpoint. Belongs to one worker."""

    def __init__(
        self,
        access: Access,
        leaving: Callable[[], bool],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._access, self._leaving, self._clock = access, leaving, clock
        self._wrong = WrongTokens(clock)
        self._logged_at = -LOG_AGAIN_S
        self._unlogged = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one ASGI request."""
        method, headers = scope["method"], scope["headers"]
        if method == "OPTIONS":
            await answer_options(send, *METHODS)
            return

        if method in ("GET", "HEAD"):
            status, given, body = 200, _no_store(), _who(self._access.caller(method, headers))
        elif method == "POST":
            status, given, body = await self._sign_in(headers, receive)
        elif method == "DELETE":
            status, given, body = self._sign_out(headers)
        else:
            raise not_allowed("a session is begun with POST and ended with DELETE", *METHODS)

        if self._leaving():
            given.append((b"connection", b"close"))

        await answer(send, status, given, body)

    async def _sign_in(self, headers: Headers, receive: Receive) -> tuple[int, Headers, bytes]:
        self._access.check_host(headers)
        if _is_of_browser(headers):
            self._access.check_page(headers)

        sent = await small_body(receive)
        shown = fields_of(headers, sent).get("token")
        if not isinstance(shown, str) or not shown or len(shown) > LONGEST_TOKEN:
            raise Problem(
                400,
                f"send the token as `token`, at most {LONGEST_TOKEN} characters, in JSON or a form",
            )

        token = self._access.tokens.of_token(shown.strip().encode("utf-8", "replace"))
        if token is None:
            raise self._refusal()

        given = [
            (b"set-cookie", self._access.sessions.begun(token, is_encrypted(headers)).encode())
        ]
        if is_form(headers, sent):
            return 303, [*_no_store(), *given, (b"location", b"/")], b""
        return 200, [*_no_store(), *given], _signed_in(token)

    def _sign_out(self, headers: Headers) -> tuple[int, Headers, bytes]:
        self._access.caller("DELETE", headers)
        ended = self._access.sessions.ended(is_encrypted(headers)).encode()
        return 204, [*_no_store(), (b"set-cookie", ended)], b""

    def _refusal(self) -> Problem:
        """What a wrong token is told, and a line in the log once a minute."""
        self._unlogged += 1
        if self._clock() - self._logged_at >= LOG_AGAIN_S:
            log.warning("%s at the sign-in", counted(self._unlogged, "wrong token"))
            self._logged_at, self._unlogged = self._clock(), 0

        wait_s = self._wrong.counted()
        if wait_s:
            return Problem(
                429,
                "too many wrong tokens were shown lately: a right one is taken all the same",
                retry_after_s=wait_s,
                headers=[(b"connection", b"close")],
            )

        return Problem(
            401,
            "this is no valid token: it was mistyped, or revoked; `python deploy.py tokens list` "
            "shows which are valid",
            headers=[(b"www-authenticate", b"Bearer")],
        )


def _who(caller: Caller) -> bytes:
    return msgspec.json.encode(
        {"name": caller.name, "role": caller.role.name.lower(), "by": caller.by}
    )


def _signed_in(token: NamedToken) -> bytes:
    return msgspec.json.encode({"name": token.name, "role": token.role, "by": "session"})


def _no_store() -> Headers:
    return [(b"content-type", b"application/json"), (b"cache-control", b"no-store")]


def _is_of_browser(headers: Headers) -> bool:
    return any(name in (b"origin", b"sec-fetch-site") for name, _ in headers)
