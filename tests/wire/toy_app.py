"""An ASGI app with one hot URL, for the tests of the worker, on the fast and the slow path.

POST /hot is answered with its body; the header `x-do` makes the fast path answer later (`later`),
with much (`large`) or not at all (`fail`). GET /worker tells what the worker holds and how many
requests took the fast path. The end of the lifespan leaves the file TOY_ENDED; TOY_LINGER_S
shortens the shutdown."""

import asyncio
import json
import os
import sys
from functools import partial
from pathlib import Path

from tests.wire.messages import LARGEST_BODY

LATER_S = 0.05
LARGE = 1000


class ToyApp:
    """The app."""

    largest_body = LARGEST_BODY

    def __init__(self):
        self.hot = {b"/hot": self._answer_hot}
        self.asked = 0

    async def __call__(self, scope, receive, send):
        """ASGI."""
        if scope["type"] == "lifespan":
            await self._live(receive, send)
        else:
            await self._answer(scope, receive, partial(self._send, scope, send))

    def _answer_hot(self, headers, body, respond):
        self.asked += 1
        behaviour = dict(headers).get(b"x-do")
        own = [(b"x-way", b"short"), (b"x-pid", b"%d" % os.getpid())]
        if behaviour == b"later":
            asyncio.get_running_loop().call_later(LATER_S, respond, 200, own, body)
        elif behaviour == b"fail":
            raise RuntimeError("as asked")
        else:
            respond(200, own, body * LARGE if behaviour == b"large" else body)

    async def _live(self, receive, send):
        await receive()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        Path(os.environ["TOY_ENDED"]).touch()
        await send({"type": "lifespan.shutdown.complete"})

    async def _answer(self, scope, receive, answer):
        body, message = b"", {"more_body": True}
        while message.get("more_body"):
            message = await receive()
            if message["type"] == "http.disconnect":
                return
            body += message.get("body", b"")
            if len(body) > self.largest_body:
                await answer(413, b"too large")
                return

        if scope["path"] == "/worker":
            worker = scope["state"]["worker"]
            held = {
                "conns": worker.nr_conns,
                "connections": len(worker.connections),
                "asked": self.asked,
            }
            await answer(200, json.dumps(held).encode())
        elif scope["path"] == "/hot":
            await answer(200 if scope["method"] == "POST" else 405, body)
        else:
            await answer(404, body)

    async def _send(self, scope, send, status, body):
        worker = scope["state"].get("worker")
        headers = [
            (b"x-way", b"long"),
            (b"x-pid", b"%d" % os.getpid()),
            (b"content-length", b"%d" % len(body)),
        ]
        if worker is not None and worker.draining:
            headers.append((b"connection", b"close"))

        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})


def create_app():
    """The app, as gunicorn asks for it."""
    # Not imported here: that would give connections also to gunicorn's own worker.
    if "wire.worker" in sys.modules:
        sys.modules["wire.worker"].LINGER_S = float(os.environ["TOY_LINGER_S"])
    return ToyApp()
