"""Users that come again: few of them, some often and most seldom, each always by its own unit.

A router draws such a user once, however many requests follow."""

import asyncio
import random
import time
from collections import Counter
from dataclasses import dataclass, field

import msgspec

from benchmarks.background_load import BackgroundLoad
from examples.flights.client import Answer, Client
from examples.flights.data import instances
from examples.flights.replay import production

ROWS = 20_000


@dataclass
class StickyUsers(BackgroundLoad):
    """`users` of them, `rate` requests a second together; the n-th comes 1/n as often as the first.

    sent, failed: requests, and those that users lost. problems: the first failures, as text.
    versions: answers by version.
    """

    url: str
    users: int
    rate: float
    seed: int = 0
    sent: int = 0
    failed: int = 0
    problems: list[str] = field(default_factory=list)
    versions: Counter[str] = field(default_factory=Counter)

    async def _all(self) -> None:
        chance = random.Random(self.seed)
        bodies = _bodies()
        weights = [1 / number for number in range(1, self.users + 1)]
        queues: list[asyncio.Queue[bytes | None]] = [asyncio.Queue() for _ in weights]
        async with asyncio.TaskGroup() as group:
            for number, queue in enumerate(queues):
                group.create_task(self._user(number, queue))

            due = time.monotonic()
            while not self._over.is_set():
                due += chance.expovariate(self.rate)
                await asyncio.sleep(max(0.0, due - time.monotonic()))
                (queue,) = chance.choices(queues, weights)
                queue.put_nowait(chance.choice(bodies))

            for queue in queues:
                queue.put_nowait(None)

    async def _user(self, number: int, queue: "asyncio.Queue[bytes | None]") -> None:
        client = Client(self.url, 15.0, {"X-Unit-Id": f"user-{self.seed}-{number}"})
        try:
            while (body := await queue.get()) is not None:
                self.sent += 1
                try:
                    self._note(await client.post("/predict", body))
                except OSError as error:
                    self._lost(repr(error))
        finally:
            client.close()

    def _note(self, answer: Answer) -> None:
        if answer.status == 200:
            self.versions[answer.headers.get("x-model-version", "")] += 1
        else:
            self._lost(f"{answer.status} {answer.body[:200]!r}")

    def _lost(self, problem: str) -> None:
        self.failed += 1
        if len(self.problems) < 5:
            self.problems.append(problem)


def _bodies() -> list[bytes]:
    encode = msgspec.json.Encoder().encode
    rows = production().rows.sample(ROWS, random_state=0)
    return [encode({"instances": [row]}) for row in instances(rows)]
