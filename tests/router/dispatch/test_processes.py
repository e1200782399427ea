"""Several processes behind one address: which of them a batch goes to."""

import asyncio
import itertools

import pytest

from router.dispatch import upstream
from router.dispatch.processes import Processes
from router.dispatch.upstream import Answer, Failure, Pool


class Version:
    """A server whose connections lead to its processes in turn, and that answers when told."""

    def __init__(self, order: list[int], count: int) -> None:
        self.order, self.count = itertools.cycle(order), count
        self.connections = 0
        self.asked: list[int] = []
        self.arrived: asyncio.Queue[asyncio.StreamWriter] = asyncio.Queue()
        self.ended: list[asyncio.Event] = []
        self._processes: dict[asyncio.StreamWriter, int] = {}

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection."""
        self.connections += 1
        self._processes[writer] = next(self.order)
        over = asyncio.Event()
        self.ended.append(over)
        try:
            while True:
                await reader.readuntil(b"\r\n\r\n")
                await reader.readexactly(2)
                self.asked.append(self._processes[writer])
                self.arrived.put_nowait(writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()
        finally:
            over.set()

    async def answer(self) -> None:
        """Answer the oldest request."""
        writer = await self.arrived.get()
        process = self._processes[writer]
        head = b"HTTP/1.1 200 OK\r\nx-sluice-process: %d/%d\r\n" % (process, self.count)
        writer.write(head + b"content-length: 2\r\n\r\nok")
        await writer.drain()


def ask(pool: Pool) -> "asyncio.Future[Answer | Failure]":
    answered: asyncio.Future[Answer | Failure] = asyncio.get_running_loop().create_future()
    pool.predict(b"{}", answered.set_result, 20.0)
    return answered


async def played(version: Version, rounds: int, at_once: int) -> list[list[int]]:
    """Which processes were asked in each round of so many requests at once."""
    server = await asyncio.start_server(version.serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    pool = Pool(f"http://127.0.0.1:{port}", "secret", asyncio.get_running_loop())
    async with server:
        asked = []
        for _ in range(rounds):
            version.asked.clear()
            answers = []
            for number in range(at_once):
                answers.append(ask(pool))
                while len(version.asked) <= number:
                    await asyncio.sleep(0)

            asked.append(sorted(version.asked))
            for _ in range(at_once):
                await version.answer()

            for answer in answers:
                assert isinstance(await answer, Answer)

        pool.close()
        assert pool.in_flight == 0
        for over in version.ended:
            await over.wait()

    return asked


def test_requests_at_once_go_to_different_processes_once_they_are_known():
    version = Version([1, 1, 1, 2], 2)
    asked = asyncio.run(played(version, rounds=5, at_once=2))
    assert asked[0] == [1, 1]
    assert asked[-2:] == [[1, 2], [1, 2]]


def test_connections_stay_few_where_all_lead_to_one_process():
    version = Version([1], 2)
    asked = asyncio.run(played(version, rounds=30, at_once=2))
    assert asked[-1] == [1, 1]
    assert version.connections <= 2 * upstream.MOST_A_PROCESS


def test_a_version_of_one_process_has_one_connection_for_one_request_at_a_time():
    version = Version([1], 1)
    asyncio.run(played(version, rounds=10, at_once=1))
    assert version.connections == 1


@pytest.mark.parametrize("value", [b"", b"7", b"7/", b"7/x", b"7/-2", b"x" * 99 + b"/2"])
def test_a_header_of_another_form_says_nothing(value: bytes):
    processes = Processes()
    assert processes.named_in([(b"x-sluice-process", value)], b"5") == b"5"
    assert processes.count == 1


def test_a_count_is_within_bounds():
    processes = Processes()
    assert processes.named_in([(b"x-sluice-process", b"7/0")], b"") == b"7"
    assert processes.count == 1
    processes.named_in([(b"x-sluice-process", b"7/99999999")], b"")
    assert processes.count == 256
