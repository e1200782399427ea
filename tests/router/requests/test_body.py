"""A body on its way in: bounded by its size, its time, and what all requests of a worker may hold
together.
"""

import asyncio
from types import SimpleNamespace

import pytest

from router.problems import Problem
from router.requests.body import BodyReader, whole_body
from wire.budget import SMALL_BYTES, ByteBudget

PIECE = b"a" * (SMALL_BYTES + 1)


class Client:
    """Sends pieces when told."""

    def __init__(self):
        self.pieces = asyncio.Queue()

    async def receive(self):
        return await self.pieces.get()

    def send(self, body, more=True):
        self.pieces.put_nowait({"type": "http.request", "body": body, "more_body": more})


async def turn():
    for _ in range(5):
        await asyncio.sleep(0)


def test_the_oldest_body_that_is_still_arriving_gives_way_and_its_bytes_are_released():
    async def play():
        budget, clients = ByteBudget(4 * len(PIECE)), [Client() for _ in range(5)]
        readers = [BodyReader(10**9, budget) for _ in clients]
        tasks = []
        for reader, client in zip(readers, clients, strict=True):
            tasks.append(asyncio.create_task(reader.read(client.receive)))
            client.send(PIECE)
            await turn()

        with pytest.raises(Problem) as refused:
            await tasks[0]

        assert (refused.value.status, refused.value.retry_after_s) == (503, 1)
        assert budget.held <= 3 * len(PIECE)
        clients[4].send(b"b", more=False)
        assert await tasks[4] == PIECE + b"b"
        for task in tasks[1:4]:
            task.cancel()

        await asyncio.gather(*tasks, return_exceptions=True)
        for reader in readers:
            reader.release()

        assert budget.held == 0

    asyncio.run(play())


def test_a_body_counts_until_its_request_is_answered():
    async def play():
        budget, client = ByteBudget(10**6), Client()
        scope = {"headers": [], "state": {"worker": SimpleNamespace(budget=budget)}}
        client.send(b"ab")
        client.send(b"cd", more=False)
        async with whole_body(scope, client.receive, 10) as body:
            assert (body, budget.held) == (b"abcd", 4)

        assert budget.held == 0

    asyncio.run(play())


@pytest.mark.parametrize(("limit", "give_up_s", "status"), [(3, 30.0, 413), (10, 0.01, 408)])
def test_a_body_is_bounded_in_size_and_time(limit, give_up_s, status):
    async def play():
        client = Client()
        client.send(b"abcd")
        with pytest.raises(Problem) as refused:
            await BodyReader(limit, None, give_up_s).read(client.receive)
        assert refused.value.status == status

    asyncio.run(play())


def test_a_body_of_many_small_chunks_is_held_in_one_piece():
    async def play():
        client, reader = Client(), BodyReader(10**6, None)
        for _ in range(10_000):
            client.send(b"ab")
        reading = asyncio.create_task(reader.read(client.receive))
        await turn()
        assert reader._arrived.getvalue() == b"ab" * 10_000
        client.send(b"c", more=False)
        assert await reading == b"ab" * 10_000 + b"c"
        assert reader._arrived.getvalue() == b""

    asyncio.run(play())
