"""Reads a request's body within the limits: bytes, time, and bytes of all requests together."""

import asyncio
from collections.abc import AsyncIterator, MutableMapping
from contextlib import asynccontextmanager
from io import BytesIO
from typing import Any

from router.problems import Problem, Receive, Scope
from router.requests.content_encoding import decompress
from wire.budget import ByteBudget


class SentBody:
    """A body as it was sent, perhaps compressed. Its bytes count in the worker's budget."""

    def __init__(self, sent: bytes, encoding: bytes, limit: int, reader: "BodyReader") -> None:
        self.sent, self.encoding, self.limit, self._reader = sent, encoding, limit, reader

    async def decompressed(self, most: int | None = None) -> bytes:
        """The decompressed body.

        most: bytes of it at most. Raises Problem 400, 413, 415, 503."""
        if not self.encoding:
            return self.sent

        body = await decompress(self.sent, self.encoding, min(self.limit, most or self.limit))
        self._reader.count(len(self.sent) + len(body))
        return body


@asynccontextmanager
async def sent_body(scope: Scope, receive: Receive, limit: int) -> AsyncIterator[SentBody]:
    """The body of a request, counted in the worker's budget until the block ends.

    limit: bytes, compressed or not. Raises Problem as BodyReader does."""
    reader = BodyReader(limit, budget_of(scope))
    try:
        sent = await reader.read(receive)
        encoding = b",".join(
            value for name, value in scope["headers"] if name == b"content-encoding"
        )
        yield SentBody(sent, encoding, limit, reader)
    finally:
        reader.release()


@asynccontextmanager
async def whole_body(scope: Scope, receive: Receive, limit: int) -> AsyncIterator[bytes]:
    """The same, decompressed."""
    async with sent_body(scope, receive, limit) as body:
        yield await body.decompressed()


class HeldBytes:
    """Bytes that were made of a body, and count in a budget until released. See wire/budget.py."""

    unfinished = False

    def __init__(self, size: int, budget: ByteBudget) -> None:
        self.budget = budget
        if not budget.change(self, size):
            budget.release(self)
            raise no_room()

    def evict(self) -> None:
        """Never called: the request is being answered."""

    def release(self) -> None:
        """Count the bytes no more: the request has been answered."""
        self.budget.release(self)


class BodyReader:
    """Reads one body, which counts in the budget until `release`. See wire/budget.py."""

    unfinished = True

    def __init__(self, limit: int, budget: ByteBudget | None, give_up_s: float = 30.0) -> None:
        self.limit, self.budget, self.give_up_s = limit, budget, give_up_s
        self._evicted = False
        self._arrived = BytesIO()
        self._time: asyncio.Timeout | None = None

    def evict(self) -> None:
        """Abandon the body: other requests need its bytes."""
        self._evicted = True
        self.release()
        if self._time is not None:
            self._time.reschedule(asyncio.get_running_loop().time())

    def release(self) -> None:
        """Count the body no more: the request has been answered."""
        if self.budget is not None:
            self.budget.release(self)

    def count(self, size: int) -> None:
        """Record that the request holds `size` bytes now; raises Problem 503 past the budget."""
        if self._evicted or (self.budget is not None and not self.budget.change(self, size)):
            raise no_room()

    async def read(self, receive: Receive) -> bytes:
        """The whole body.

        Raises Problem 413 past the limit, 408 for a slow client, 503 past the budget."""
        try:
            async with asyncio.timeout(self.give_up_s) as self._time:
                return await self._whole(receive)
        except TimeoutError as error:
            if self._evicted:
                raise no_room() from error

            raise Problem(408, "the body took too long to arrive: send it in one go") from error
        finally:
            self.unfinished, self._time = False, None
            # A traceback would keep the bytes.
            self._arrived = BytesIO()

    async def _whole(self, receive: Receive) -> bytes:
        # Not a list of chunks: a million of them would be a million objects.
        body = self._arrived
        size, more = 0, True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise Problem(408, "the body did not arrive")

            chunk, more = message.get("body", b""), message.get("more_body", False)
            size += len(chunk)
            if size > self.limit:
                raise Problem(
                    413,
                    f"the body is larger than {self.limit} bytes: "
                    "send the rows in several requests",
                )

            self.count(size)
            if len(chunk) == size and not more:
                return chunk  # type: ignore[no-any-return]

            body.write(chunk)

        return body.getvalue()


def no_room() -> Problem:
    """503 where the requests of a worker hold too many bytes together."""
    return Problem(
        503,
        "the requests in progress hold as many bytes as they may together: send this one again, "
        "or in smaller parts",
        retry_after_s=1,
    )


def budget_of(scope: Scope) -> ByteBudget | None:
    """The budget of the worker that has this request; None outside of a worker."""
    worker = (scope.get("state") or {}).get("worker")
    return getattr(worker, "budget", None)


def with_length(scope: Scope, length: int) -> Scope:
    """The scope for the decompressed body, which has `length` bytes."""
    body_headers = (b"content-length", b"transfer-encoding", b"content-encoding")
    headers = [(name, value) for name, value in scope["headers"] if name not in body_headers]
    return {**scope, "headers": [*headers, (b"content-length", b"%d" % length)]}


def once(body: bytes) -> Receive:
    """A `receive` for a body that has been read already."""

    async def receive() -> MutableMapping[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    return receive
