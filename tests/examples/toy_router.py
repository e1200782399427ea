"""A small HTTP server with a router's manners, and the bad habits that a test asks it for."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

Reply = tuple[int, dict[str, str], bytes]


@dataclass
class Seen:
    """What came in: paths, bodies, and how many connections were opened."""

    url: str = ""
    paths: list[str] = field(default_factory=list)
    bodies: list = field(default_factory=list)
    connections: int = 0


def predicted(number: int, version: str = "v1") -> Reply:
    """A good answer to request `number`."""
    headers = {"X-Model-Version": version, "X-Prediction-Id": f"id-{number}"}
    return 200, headers, b'{"predictions":[[0.8,0.2]]}'


@asynccontextmanager
async def toy_router(
    answer: Callable[[int, str], Reply | None] = lambda number, path: predicted(number),
    closes_after: int | None = None,
) -> AsyncIterator[Seen]:
    """Serve on a free port; `answer(number, path)` gives the reply, None cuts the connection
    instead.

    `closes_after` closes each connection, without a word, after so many answers.
    """
    seen = Seen()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.connections += 1
        served = 0
        try:
            while closes_after is None or served < closes_after:
                path, body = await _request(reader)
                number = len(seen.paths)
                seen.paths.append(path)
                seen.bodies.append(json.loads(body))
                reply = answer(number, path)
                if reply is None:
                    break
                writer.write(_encoded(*reply))
                await writer.drain()
                served += 1
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        seen.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        yield seen


async def _request(reader: asyncio.StreamReader) -> tuple[str, bytes]:
    head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
    lengths = [line.split(":")[1] for line in head if line.startswith("content-length")]
    return head[0].split()[1], await reader.readexactly(int(lengths[0]))


def _encoded(status: int, headers: dict[str, str], body: bytes) -> bytes:
    lines = [
        f"HTTP/1.1 {status} Said",
        f"Content-Length: {len(body)}",
        *(f"{k}: {v}" for k, v in headers.items()),
    ]
    return ("\r\n".join(lines) + "\r\n\r\n").encode() + body
