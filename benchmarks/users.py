"""Users that predict all the time over kept connections, and remember when they were answered and
by whom.

Each runs in the one event loop of a thread. A request that gets no answer, or another status than
200, has failed: nothing is sent twice. Some users are named, so that the split decides who answers
them; they show when it changed."""

import asyncio
import time
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.background_load import BackgroundLoad
from examples.flights.client import Client

Answered = tuple[float, float, str]


@dataclass
class Users(BackgroundLoad):
    """The load. answered: (sent at, answered at, version) of unnamed users; named: the same by
    name.
    """

    url: str
    bodies: Path
    connections: int
    names: tuple[str, ...] = ()
    answered: list[Answered] = field(default_factory=list)
    named: dict[str, list[Answered]] = field(default_factory=dict)
    failed: list[tuple[float, str]] = field(default_factory=list)

    async def _all(self) -> None:
        self._lines = [line.encode() for line in self.bodies.read_text().splitlines()]
        async with asyncio.TaskGroup() as group:
            for number in range(self.connections):
                group.create_task(self._one(number, {}, self.answered))
            for name in self.names:
                group.create_task(
                    self._one(0, {"X-Unit-Id": name}, self.named.setdefault(name, []))
                )

    async def _one(self, number: int, headers: dict[str, str], answered: list[Answered]) -> None:
        client = Client(self.url, 15.0, headers, resend=False)
        lines, count = self._lines, len(self._lines)
        while not self._over.is_set():
            number = (number + 1) % count
            sent = time.time()
            try:
                answer = await client.post("/predict", lines[number])
            except OSError as error:
                self.failed.append((sent, repr(error)))
                continue
            if answer.status == 200:
                answered.append((sent, time.time(), answer.headers["x-model-version"]))
            else:
                self.failed.append((sent, f"{answer.status} {answer.body[:200]!r}"))

        client.close()
