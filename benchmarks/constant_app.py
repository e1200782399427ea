"""An ASGI app that answers a constant to POST /predict, by the long way and by wire/'s short
one.
"""

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from benchmarks.setups.floors import ANSWER
from wire.fast_path import Handler, Headers, Respond

BODY = ANSWER.encode()
HEADERS: Headers = [
    (b"content-type", b"application/json"),
    (b"x-model-version", b"v1"),
    (b"x-request-id", b"f99c8ad37bac7cc0"),
    (b"x-prediction-id", b"lqJ2Mc0jKM8AAAGiD-QgV84P5JsTkcs_yAUOiglAfZGhMHh0iMJaIEEcvuZnIQ"),
]


class Constant:
    """The app."""

    largest_body = 1_000_000

    def __init__(self) -> None:
        self.hot: dict[bytes, Handler] = {b"/predict": self._answer}

    def _answer(self, _headers: Headers, _body: bytes, respond: Respond) -> None:
        respond(200, HEADERS, BODY)

    async def __call__(
        self,
        scope: MutableMapping[str, Any],
        receive: Callable[[], Awaitable[MutableMapping[str, Any]]],
        send: Callable[[MutableMapping[str, Any]], Awaitable[None]],
    ) -> None:
        """ASGI."""
        while scope["type"] == "lifespan":
            message = await receive()
            await send({"type": f"{message['type']}.complete"})
            if message["type"] == "lifespan.shutdown":
                return

        while (await receive()).get("more_body"):
            continue

        headers = [*HEADERS, (b"content-length", b"%d" % len(BODY))]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": BODY})


def create_app() -> Constant:
    """The app."""
    return Constant()
