"""Connections to a version that is far away: over TLS by its name, or through a front that knows
its Host header.
"""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from router.dispatch import upstream
from router.dispatch.upstream import Answer, Failure, Pool
from tests.loopback import self_signed, served_by

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """A certificate and key for localhost that signed itself."""
    return self_signed(tmp_path / "localhost.pem")


@asynccontextmanager
async def version(
    context: ssl.SSLContext | None = None,
) -> AsyncIterator[tuple[int, list[bytes], list[object]]]:
    """A server that answers everything: its port, the heads it got, the connections it saw."""
    heads: list[bytes] = []
    seen: list[object] = []
    ended: list[asyncio.Event] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.append(writer)
        over = asyncio.Event()
        ended.append(over)
        try:
            while True:
                heads.append(await reader.readuntil(b"\r\n\r\n"))
                await reader.readexactly(2)
                writer.write(ANSWER)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()
            with contextlib.suppress(ConnectionError, ssl.SSLError):
                await writer.wait_closed()
            over.set()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
    async with server:
        yield server.sockets[0].getsockname()[1], heads, seen
        for over in ended:
            await over.wait()


async def ask(pool: Pool) -> Answer | Failure:
    answered: asyncio.Future[Answer | Failure] = asyncio.get_running_loop().create_future()
    pool.predict(b"{}", answered.set_result, 5.0)
    return await answered


def played(play: Callable[[], object]) -> None:
    asyncio.run(play())  # type: ignore[arg-type]


def test_a_version_is_reached_over_tls_by_its_name(
    certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))

    async def play() -> None:
        async with version(served_by(certificate)) as (port, heads, _):
            pool = Pool(
                f"https://localhost:{port}", "secret-of-the-stack", asyncio.get_running_loop()
            )
            outcome = await ask(pool)
            pool.close()

        assert isinstance(outcome, Answer)
        assert outcome.body == b"ok"
        assert f"Host: localhost:{port}\r\n".encode() in heads[0]

    played(play)


def test_a_certificate_that_nobody_vouches_for_is_refused(certificate: Path) -> None:
    async def play() -> None:
        async with version(served_by(certificate)) as (port, heads, _):
            pool = Pool(
                f"https://localhost:{port}", "secret-of-the-stack", asyncio.get_running_loop()
            )
            outcome = await ask(pool)
            pool.close()

        assert isinstance(outcome, Failure)
        assert outcome.reason == "connect"
        assert not heads

    played(play)


def test_through_a_front_the_version_is_known_by_the_host_header() -> None:
    async def play() -> None:
        async with version() as (port, heads, _):
            loop = asyncio.get_running_loop()
            pool = Pool(
                "https://v2-0123.herokuapp.com/", "secret-of-the-stack", loop, f"127.0.0.1:{port}"
            )
            outcome = await ask(pool)
            pool.close()

        assert isinstance(outcome, Answer)
        assert b"Host: v2-0123.herokuapp.com\r\n" in heads[0]

    played(play)


@pytest.mark.parametrize(
    ("rest_s", "connections"), [(upstream.IDLE_S - 1, 1), (upstream.IDLE_S + 1, 2)]
)
def test_a_connection_that_rested_too_long_is_not_used_again(
    rest_s: float, connections: int
) -> None:
    async def play() -> None:
        async with version() as (port, _, seen):
            pool = Pool(
                f"http://127.0.0.1:{port}", "secret-of-the-stack", asyncio.get_running_loop()
            )
            assert isinstance(await ask(pool), Answer)
            for connection in pool._idle:
                connection.idle_since -= rest_s
            assert isinstance(await ask(pool), Answer)
            pool.close()
            assert len(seen) == connections

    played(play)
