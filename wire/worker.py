"""gunicorn's asgi worker, with doors for the hot paths and a farewell that loses no request.

gunicorn closes a kept-alive connection as soon as the answer it was writing is out; a client that
has just sent its next request over it would lose that one. Here a worker told to stop first stops
accepting, then says `Connection: close` with every answer, and goes when the clients have gone or
LINGER_S is over; whoever is in the middle of a request then may finish it until SPARE_S before the
arbiter would kill the worker.

A worker whose arbiter was killed goes on answering until another arbiter's workers do, or until
ORPHAN_S is over, and then leaves in the same way. The app may have `replaced`, which tells it; a
unix socket's file tells it by itself."""

import asyncio
import gc
import os
import socket
from collections.abc import Mapping
from email.utils import formatdate
from typing import Any
from weakref import WeakSet

from gunicorn.workers import gasgi

from wire.budget import ByteBudget, give_back_memory
from wire.fast_path import Handler, Headers, HttpConnection
from wire.file_limits import most_connections, raise_file_limit
from wire.problems import problem
from wire.read_turns import ReadTurns
from wire.slow_path import SlowPathProtocol

LINGER_S = 5.0
SPARE_S = 2.0
SWEEP_S = 1.0
SLOWEST_REQUEST_S = 30.0
# A connection whose request was refused is read, and what it sends thrown away, for so long: closed
# at once, its client would see a reset instead of the answer.
DISCARD_S = 2.0
# Where connections are too many, those that have been idle for so long go before those in the
# middle of a request.
IDLE_S = 1.0
MOST_BYTES = 64 * 1024 * 1024
ORPHAN_S = 30.0


class FastPathWorker(gasgi.ASGIWorker):  # type: ignore[misc]
    """An asgi worker whose app may have `hot`, handlers by path, and `largest_body`, in bytes.

    Also `most_bytes`, of all requests under way together, and `refused(status)`, called for each
    error that is answered without the app. `scope["state"]["worker"]` is this worker; its `budget`
    is for the bodies that the app reads."""

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
        """What gunicorn compares its parent with, and would leave at once: this worker looks after
        that itself.
        """
        return os.getppid()

    @ppid.setter
    def ppid(self, pid: int) -> None:
        self.parent = pid

    @property
    def hot(self) -> Mapping[bytes, Handler]:
        """The app's handlers, which it has once it has started."""
        return self.asgi.hot  # type: ignore[no-any-return]

    @property
    def largest_body(self) -> int:
        """Larger ones go the long way, which refuses them."""
        return self.asgi.largest_body  # type: ignore[no-any-return]

    def other_protocol(self) -> Any:
        """gunicorn's protocol for one connection."""
        other = SlowPathProtocol(self)
        self.others.add(other)
        return other

    def refused(self, status: int) -> None:
        """Let the app count an error that was answered without it."""
        count = getattr(self.asgi, "refused", None)
        if count is not None:
            count(status)

    def make_room(self) -> None:
        """Close the connections that waited longest for their clients, some more than are too
        many.
        """
        idle_since = self.loop.time() - IDLE_S
        waiting = [
            ((each.begun or each.since > idle_since, each.since), each)
            for each in (*self.connections, *self.others)
            if each.since is not None
        ]
        waiting.sort(key=lambda pair: pair[0])
        for _, each in waiting[: self.nr_conns - self.most_conns + self.most_conns // 32]:
            each.cut()

    def init_process(self) -> None:
        """Let the app see that this worker is leaving; spare the garbage collector what lives as
        long as the worker.
        """
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
        beside = [self.loop.create_task(self._sweep()), self.loop.create_task(self._watch_parent())]
        try:
            await super()._serve()
        finally:
            for task in beside:
                task.cancel()

    async def _sweep(self) -> None:
        """Each second: the date for the answers, and an end for who is silent or does not read for
        too long.
        """
        late = problem(408, "the request did not arrive in time", "send it in one go")
        while True:
            self.date = f"date: {formatdate(usegmt=True)}\r\n".encode()
            now = self.loop.time()
            for connection in list(self.connections):
                self._look(connection, now, late)
            for other in list(self.others):
                other.look(now, SLOWEST_REQUEST_S)
            if self.budget.fell():
                # Beside the loop: glibc takes milliseconds to give back some hundred megabytes.
                self.loop.run_in_executor(None, give_back_memory)
            await asyncio.sleep(SWEEP_S)

    def _look(self, connection: HttpConnection, now: float, late: tuple[Headers, bytes]) -> None:
        waited = 0.0 if connection.since is None else now - connection.since
        if connection.refused:
            if waited > DISCARD_S:
                connection.cut()
        elif connection.begun and waited > SLOWEST_REQUEST_S:
            connection.give_up(408, *late)
        elif not connection.begun and waited > self.cfg.keepalive:
            connection.close_if_idle()

        connection.close_slow_reader(now)

    async def _watch_parent(self) -> None:
        """Each second: whether the arbiter was killed; then leave once somebody listens in this
        worker's place.
        """
        while os.getppid() == self.parent:
            await asyncio.sleep(SWEEP_S)

        self.log.info("The arbiter was killed: worker %s answers until it is replaced", self.pid)
        give_up = self.loop.time() + ORPHAN_S
        while not self._replaced() and self.loop.time() < give_up:
            await asyncio.sleep(SWEEP_S)

        self.handle_exit_signal()

    def _replaced(self) -> bool:
        """Whether somebody else listens in its place; without a way to know it makes room, so that
        somebody can.
        """
        if self._files:
            return any(_inode(name) != inode for name, inode in self._files.items())
        return bool(getattr(self.asgi, "replaced", lambda: True)())

    def handle_exit_signal(self) -> None:
        """SIGTERM: leave after the clients, not before."""
        if not self.draining:
            # First, so that who is told `close` does not come back here.
            for server in self.servers:
                server.close()
            self.draining = True
            self._farewell = self.loop.create_task(self._leave())

    async def _leave(self) -> None:
        now = self.loop.time()
        self.loop.call_at(now + max(0, self.cfg.graceful_timeout - SPARE_S), self._cut)
        give_up = now + LINGER_S
        while self.nr_conns > 0 and self.loop.time() < give_up and not self._quick_shutdown:
            await asyncio.sleep(0.02)

        self.alive = False
        for connection in list(self.connections):
            connection.close_if_idle()

        for other in list(self.others):
            other.close_if_idle()

    def _cut(self) -> None:
        """The arbiter's patience is nearly at its end, and the app's own end is still to come."""
        for connection in list(self.connections):
            connection.cut()
        for other in list(self.others):
            other.cut()


def _unix_name(listener: Any) -> str:
    if listener.family == socket.AF_UNIX:
        return str(listener.getsockname())
    return ""


def _inode(path: str) -> int:
    """The file's number, 0 where there is none."""
    try:
        return os.stat(path).st_ino
    except OSError:
        return 0


# gunicorn names the class of its protocol in this one place and calls it with the worker.
gasgi.ASGIProtocol = lambda worker: HttpConnection(worker, worker.loop)
