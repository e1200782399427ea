"""gunicorn's asgi worker with a farewell that loses no request.

gunicorn closes a kept-alive connection as soon as the answer it was writing is out; a client that has just sent its
next request over it would lose that one. Here a worker told to stop first stops accepting, then says `Connection:
close` with every answer (see router/app.py), and goes when the clients have gone or LINGER_S is over.
"""

import asyncio
import gc
from typing import Any

from gunicorn.workers.gasgi import ASGIWorker

LINGER_S = 5.0


class DrainingWorker(ASGIWorker):  # type: ignore[misc]
    """An asgi worker that announces its end before it closes."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.draining = False

    def init_process(self) -> None:
        """Let the app see that this worker is leaving; spare the garbage collector what lives as long as the worker."""
        self.state["worker"] = self
        gc.collect()
        gc.freeze()
        gc.set_threshold(20_000, 50, 100)
        super().init_process()

    def handle_exit_signal(self) -> None:
        """SIGTERM: leave after the clients, not before."""
        if not self.draining:
            self.draining = True
            self._farewell = self.loop.create_task(self._leave())

    async def _leave(self) -> None:
        for server in self.servers:
            server.close()
        give_up = self.loop.time() + LINGER_S
        while self.nr_conns > 0 and self.loop.time() < give_up and not self._quick_shutdown:
            await asyncio.sleep(0.02)
        self.alive = False
