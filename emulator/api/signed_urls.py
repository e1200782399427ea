"""Addresses that carry their own secret: uploads, output streams, logs.

A client that sends its bearer token to one would, on the real platform, disclose it to another
company's machines: such a request is refused and counted.
"""

from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from emulator.build.tarball import BYTES
from emulator.dynos.logs import Line, Session
from emulator.dynos.streams import Stream
from emulator.platform import Platform
from emulator.router.http1 import Headers, Inbound, Message, Responder

SESSION_S = 300
TAIL_S = 3600
TEXT: Headers = [("Content-Type", "text/plain; charset=utf-8")]
EVENTS: Headers = [("Content-Type", "text/event-stream")]
XML: Headers = [("Content-Type", "application/xml")]


@dataclass
class SignedRequest:
    """One request to a signed address."""

    inbound: Inbound
    message: Message
    responder: Responder

    async def refuse(self, status: int, text: str, headers: Headers = TEXT) -> None:
        """Answer without reading the rest of the body."""
        self.responder.keep = False
        await self.responder.send(status, headers, text.encode())


class SignedUrls:
    """Serves the addresses below /storage/, /streams/ and /logplex/."""

    def __init__(self, platform: Platform) -> None:
        self.platform = platform

    async def serve(self, inbound: Inbound, message: Message, responder: Responder) -> None:
        """Serve one request; raises nothing for a client's mistake."""
        request = SignedRequest(inbound, message, responder)
        address = urlsplit(message.target)
        kind, token = [*address.path.split("/"), "", ""][1:3]
        if message.header("authorization"):
            self.platform.report.leaks.append(f"{message.method} /{kind}/")
            await request.refuse(
                400,
                "Only one auth mechanism allowed: this address wants no Authorization header.\n",
            )
        elif kind == "storage":
            use = parse_qs(address.query).get("use", [""])[0]
            await self._storage(request, token, use)
        elif kind == "streams" and message.method == "GET":
            await self._stream(request, token)
        elif kind == "logplex" and message.method == "GET":
            await self._logs(request, token)
        else:
            await request.refuse(404, "There is nothing here.\n")

    async def _storage(self, request: SignedRequest, token: str, use: str) -> None:
        path = self.platform.state.sources.get(token)
        if path is None or request.message.method.lower() != use:
            await request.refuse(403, "<Error><Code>SignatureDoesNotMatch</Code></Error>", XML)
        elif use == "put":
            await self._put(request, path)
        elif not path.is_file():
            await request.refuse(404, "<Error><Code>NoSuchKey</Code></Error>", XML)
        else:
            await request.responder.send(
                200, [("Content-Type", "application/gzip")], path.read_bytes()
            )

    async def _put(self, request: SignedRequest, path: Path) -> None:
        message = request.message
        length = message.header("content-length")
        if message.header("content-type"):
            await request.refuse(403, "<Error><Code>SignatureDoesNotMatch</Code></Error>", XML)
        elif not length.isdigit():
            await request.refuse(411, "<Error><Code>MissingContentLength</Code></Error>", XML)
        elif int(length) > BYTES:
            await request.refuse(400, "<Error><Code>EntityTooLarge</Code></Error>", XML)
        else:
            fresh = path.with_suffix(".part")
            with fresh.open("wb") as file:
                async for chunk in request.inbound.body(message):
                    file.write(chunk)
            fresh.replace(path)
            await request.responder.send(200, [])

    async def _stream(self, request: SignedRequest, token: str) -> None:
        stream = self.platform.state.streams.get(token)
        if stream is None or not stream.started:
            await request.refuse(404, "Stream not found.\n")
            return

        fault = self.platform.faults.take("GET", request.message.target)
        first = _first_byte(request.message.header("range"))
        if first is None or (stream.closed and first > len(stream.data)):
            await request.refuse(416, "")
            return

        if first:
            content_range = ("Content-Range", f"bytes {first}-/*")
            await request.responder.start(206, [*TEXT, content_range])
        else:
            await request.responder.start(200, TEXT)

        cut = None
        if fault and fault.kind == "cut":
            cut = first + fault.bytes

        await self._follow(request, stream, first, cut)

    async def _follow(
        self, request: SignedRequest, stream: Stream, position: int, cut: int | None
    ) -> None:
        """Send the stream from a position on, as it grows. cut: where the connection breaks."""
        while True:
            data = bytes(stream.data[position:cut])
            position += len(data)
            await request.responder.write(data)
            if cut is not None and position >= cut:
                request.responder.reset()
                return

            if stream.closed and position >= len(stream.data):
                await request.responder.finish()
                return

            await stream.changed.until(
                lambda: len(stream.data) > position or stream.closed,  # noqa: B023
                TAIL_S,
            )

    async def _logs(self, request: SignedRequest, token: str) -> None:
        session, since = self.platform.state.sessions.get(token, (None, 0.0))
        if session is None or self.platform.clock.now() - since > SESSION_S:
            await request.refuse(404, "Not found.\n")
            return

        events = "text/event-stream" in request.message.header("accept")
        headers = EVENTS if events else TEXT
        await request.responder.start(200, [*headers, ("Cache-Control", "no-cache")])
        await self._tail(request, session, events)
        await request.responder.finish()

    async def _tail(self, request: SignedRequest, session: Session, events: bool) -> None:
        number = 0
        while True:
            lines = session.after(number)
            await request.responder.write(_written(lines, events).encode())
            if lines:
                number = lines[-1].number
            number = max(number, 1)

            more = session.tail and await session.log.changed.until(
                lambda: session.after(number),  # noqa: B023
                TAIL_S,
            )
            if not more:
                return


def _written(lines: list[Line], events: bool) -> str:
    """The lines as text, or as server-sent events."""
    form = "id: {0.number}\ndata: {0}\n\n" if events else "{0}\n"
    return "".join(map(form.format, lines))


def _first_byte(header: str) -> int | None:
    """Of `Range: bytes=N-`; 0 without the header, None when it cannot be read."""
    if not header:
        return 0

    start = header.removeprefix("bytes=").removesuffix("-")
    if start.isdigit():
        return int(start)
    return None
