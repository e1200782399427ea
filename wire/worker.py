"""gunicorn's asgi worker, with doors for the hot paths and a farewell that loses no request.

gunicorn closes a kept-alive connection as soon as the answer it was writing is out; a client that has just sent its
next request over it would lose that one. Here a worker told to stop first stops accepting, then says `Connection:
close` with every answer, and goes when the clients have gone or LINGER_S is over; whoever is in the middle of a
request then may finish it until SPARE_S before the arbiter would kill the worker.
"""

import asyncio
import gc
import json
from collections.abc import Mapping
from email.utils import formatdate
from typing import Any
from weakref import WeakSet

from gunicorn.asgi.protocol import ASGIProtocol
from gunicorn.workers import gasgi

from wire.door import Door, Handler

LINGER_S = 5.0
SPARE_S = 2.0
SWEEP_S = 1.0
SLOWEST_REQUEST_S = 30.0
_LATE = {"type": "about:blank", "title": "the request did not arrive in time", "status": 408}


class DoorWorker(gasgi.ASGIWorker):  # type: ignore[misc]
    """An asgi worker whose app may have `hot`, handlers by path, and `largest_body`, in bytes."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.draining = False
        self.doors: set[Door] = set()
        self.others: WeakSet[Any] = WeakSet()
        self.date = b""

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
        other = ASGIProtocol(self)
        self.others.add(other)
        return other

    def init_process(self) -> None:
        """Let the app see that this worker is leaving; spare the garbage collector what lives as long as the worker."""
        self.state["worker"] = self
        gc.collect()
        gc.freeze()
        gc.set_threshold(20_000, 50, 100)
        super().init_process()

    async def _serve(self) -> None:
        sweeper = self.loop.create_task(self._sweep())
        try:
            await super()._serve()
        finally:
            sweeper.cancel()

    async def _sweep(self) -> None:
        """Each second: the date for the answers, and an end for who is silent for too long."""
        late = json.dumps({**_LATE, "detail": "send it in one go"}).encode()
        while True:
            self.date = f"date: {formatdate(usegmt=True)}\r\n".encode()
            now = self.loop.time()
            for door in list(self.doors):
                waited = 0.0 if door.since is None else now - door.since
                if door.begun and waited > SLOWEST_REQUEST_S:
                    door.give_up(408, [(b"content-type", b"application/problem+json")], late)
                elif not door.begun and waited > self.cfg.keepalive:
                    door.close_if_idle()
            await asyncio.sleep(SWEEP_S)

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
        for door in list(self.doors):
            door.close_if_idle()
        for other in list(self.others):
            if other._awaiting_request:
                other._keepalive_timeout()

    def _cut(self) -> None:
        """The arbiter's patience is nearly at its end, and the app's own end is still to come."""
        for door in list(self.doors):
            door.cut()
        for other in list(self.others):
            other.transport.abort()


# gunicorn names the class of its protocol in this one place and calls it with the worker.
gasgi.ASGIProtocol = lambda worker: Door(worker, worker.loop)
