"""gunicorn's ASGI worker with a fast path for hot URLs and a shutdown that loses no request.

gunicorn closes a kept-alive connection as soon as the answer in progress is sent, so a client that
has just sent its next request loses it. This worker first stops accepting connections, then sends
`Connection: close` with every answer, and exits when all clients have disconnected or LINGER_S has
passed. Requests still in progress then may finish until SPARE_S before the arbiter would kill the
worker.

A worker whose arbiter was killed goes on answering until another arbiter's workers do, at most for
ORPHAN_S, and then shuts down in the same way. For a unix socket it watches the socket's file; else
the app's `replaced()` tells whether there are such workers."""

import asyncio
import gc
import os
import socket
from collections.abc import Mapping
from email.utils import formatdate
from typing import Any
from weakref import WeakSet

from gunicorn.workers import gasgi

from wire.budget import ByteBudget, return_memory
from wire.fast_path import Handler, HttpConnection
from wire.file_limits import most_connections, raise_file_limit
from wire.read_turns import ReadTurns
from wire.slow_path import SlowPathProtocol

LINGER_S = 5.0
SPARE_S = 2.0
SWEEP_S = 1.0
SLOWEST_REQUEST_S = 30.0
# What a refused client still sends is read and discarded for this time: closed at once, it would
# see a connection reset instead of the answer.
DISCARD_S = 2.0
# Where connections are too many, those idle for this long are aborted before those within a
# request.
IDLE_S = 1.0
MOST_BYTES = 64 * 1024 * 1024
ORPHAN_S = 30.0


class FastPathWorker(gasgi.ASGIWorker):  # type: ignore[misc]
    """An ASGI worker with a fast path. `scope["state"]["worker"]` is this worker.

    The app has `hot` (handlers by path) and `largest_body` (bytes). It may have `most_bytes` (of
    all requests in progress together), `refused(status)` (called for each error that is answered
    without the app) and `replaced()`. The bodies that the app reads count in `budget`."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.draining = False
        self.connections: set[HttpConnection] = set()
        self.others: WeakSet[Any] = WeakSet()
        self.date = b""
        self.budget = ByteBudget(MOST_BYTES)
        self.most_conns = self.worker_connections
        self._files: dict[str, int] = {}

    @property
    def ppid(self) -> int:
        """The present parent, so that gunicorn sees no change of it: `_watch_parent` does that."""
        return os.getppid()

    @ppid.setter
    def ppid(self, pid: int) -> None:
        self.parent = pid

    @property
    def hot(self) -> Mapping[bytes, Handler]:
        """The app's handlers by path; empty until the app has started."""
        return self.asgi.hot  # type: ignore[no-any-return]

    @property
    def largest_body(self) -> int:
        """Bytes of a body on the fast path; larger ones take the slow path, which refuses them."""
        return self.asgi.largest_body  # type: ignore[no-any-return]

    def other_protocol(self) -> Any:
        """A slow-path protocol for one connection."""
        other = SlowPathProtocol(self)
        self.others.add(other)
        return other

    def refused(self, status: int) -> None:
        """Let the app count an error that was answered without the app."""
        count = getattr(self.asgi, "refused", None)
        if count is not None:
            count(status)

    def make_room(self) -> None:
        """Abort the connections that waited longest for their clients, some more than needed."""
        idle_since = self.loop.time() - IDLE_S

        def order(connection: Any) -> tuple[bool, float]:
            return connection.begun or connection.since > idle_since, connection.since

        waiting = [one for one in (*self.connections, *self.others) if one.since is not None]
        waiting.sort(key=order)
        for connection in waiting[: self.nr_conns - self.most_conns + self.most_conns // 32]:
            connection.abort()

    def init_process(self) -> None:
        """Prepare the process, and exclude what is loaded by now from garbage collection."""
        self.state["worker"] = self
        self.most_conns = most_connections(raise_file_limit(), self.worker_connections)
        self._files = {name: _inode(name) for name in map(_unix_name, self.sockets) if name}
        gc.collect()
        gc.freeze()
        gc.set_threshold(20_000, 50, 100)
        super().init_process()

    async def _serve(self) -> None:
        self.budget = ByteBudget(getattr(self.asgi, "most_bytes", MOST_BYTES))
        self.turns = ReadTurns(self.loop)
        tasks = [self.loop.create_task(self._sweep()), self.loop.create_task(self._watch_parent())]
        try:
            await super()._serve()
        finally:
            for task in tasks:
                task.cancel()

    async def _sweep(self) -> None:
        """Each second: renew the `date` header, and end connections that are too slow."""
        while True:
            self.date = f"date: {formatdate(usegmt=True)}\r\n".encode()
            now = self.loop.time()
            for connection in list(self.connections):
                self._check(connection, now)

            for other in list(self.others):
                other.check(now, SLOWEST_REQUEST_S)

            if self.budget.fell():
                # In a thread: glibc takes milliseconds to return some hundred megabytes.
                self.loop.run_in_executor(None, return_memory)

            await asyncio.sleep(SWEEP_S)

    def _check(self, connection: HttpConnection, now: float) -> None:
        waited = 0.0 if connection.since is None else now - connection.since
        if connection.refused:
            if waited > DISCARD_S:
                connection.abort()
        elif connection.begun and waited > SLOWEST_REQUEST_S:
            connection.give_up_late()
        elif not connection.begun and waited > self.cfg.keepalive:
            connection.close_if_idle()

        connection.close_slow_reader(now)

    async def _watch_parent(self) -> None:
        """If the arbiter is killed, shut down once another arbiter's workers answer."""
        while os.getppid() == self.parent:
            await asyncio.sleep(SWEEP_S)

        self.log.info("The arbiter was killed: worker %s answers until it is replaced", self.pid)
        give_up = self.loop.time() + ORPHAN_S
        while not self._replaced() and self.loop.time() < give_up:
            await asyncio.sleep(SWEEP_S)

        self.handle_exit_signal()

    def _replaced(self) -> bool:
        """Whether other workers listen on the address; True where there is no way to know."""
        if self._files:
            return any(_inode(name) != inode for name, inode in self._files.items())

        return bool(getattr(self.asgi, "replaced", lambda: True)())

    def handle_exit_signal(self) -> None:
        """SIGTERM: shut down after the clients have disconnected."""
        if not self.draining:
            # First, so that clients that were told to close do not connect here again.
            for server in self.servers:
                server.close()
            self.draining = True
            self._shutdown_task = self.loop.create_task(self._shut_down())

    async def _shut_down(self) -> None:
        now = self.loop.time()
        self.loop.call_at(now + max(0, self.cfg.graceful_timeout - SPARE_S), self._abort_all)
        give_up = now + LINGER_S
        while self.nr_conns > 0 and self.loop.time() < give_up and not self._quick_shutdown:
            await asyncio.sleep(0.02)

        self.alive = False
        for connection in list(self.connections):
            connection.close_if_idle()

        for other in list(self.others):
            other.close_if_idle()

    def _abort_all(self) -> None:
        """Abort every connection: the arbiter kills soon, and the app has to end before that."""
        for connection in list(self.connections):
            connection.abort()

        for other in list(self.others):
            other.abort()


def _unix_name(listener: Any) -> str:
    if listener.family == socket.AF_UNIX:
        return str(listener.getsockname())
    return ""


def _inode(path: str) -> int:
    """The file's inode number, 0 where there is no file."""
    try:
        return os.stat(path).st_ino
    except OSError:
        return 0


# gunicorn has no setting for its protocol; it looks the class up here and calls it with the worker.
gasgi.ASGIProtocol = lambda worker: HttpConnection(worker, worker.loop)
