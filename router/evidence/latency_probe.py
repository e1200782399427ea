"""Asks both versions the same batch, in turn, and compares how long their models took.

Users' waiting times cannot be compared: a candidate at 5 % has small batches and an idle process,
so it looks fast whatever it is (docs/decisions/0017). Here both get the same rows in batches of the
same size, in random order; what is compared is the model's own time, which each says in
`Server-Timing`. The first of two calls warms, the second counts. Processor time, since a busy
version predicts several batches at once and each waits for the others' share of it; and time by the
clock, which sees a model that waits, and is fair where both are equally busy. Copies of rows that
were answered, a small part of the time, and none while users wait: never on a user's path."""

import asyncio
import logging
import random
from collections.abc import Callable
from dataclasses import dataclass

import msgspec

from rollout.settings import Settings
from rollout.verdict.bins import ratio_bin
from router.dispatch.dispatcher import Dispatcher
from router.dispatch.upstream import Answer, Failure
from router.evidence.evidence_counters import bump

log = logging.getLogger("sluice.comparing")
SIZES = (1, 8, 32)
BUSY_ROWS = 16
PART_OF_TIME = 10
_errors = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode


class LatencyProbe:
    """The comparisons of one worker."""

    def __init__(
        self, settings: Settings, traffic: Dispatcher, chance: Callable[[], float] = random.random
    ) -> None:
        self.traffic, self.chance = traffic, chance
        self._pause_s = settings.verdict.compare_ms / 1000
        self._beside_s = settings.verdict.latency.overhead_ms / 1000
        self._timeout_s = settings.router.limits.version_timeout_ms / 1000
        self._most_bytes = settings.router.limits.max_body_bytes
        self._turn = 0

    async def compare(self) -> None:
        """Compare for ever, while a rollout is judged."""
        loop = asyncio.get_running_loop()
        spent = 0.0
        while True:
            await asyncio.sleep(max(self._pause_s, PART_OF_TIME * spent))
            started = loop.time()
            try:
                await self.once()
            except Exception:
                log.exception("a comparison failed")
            spent = loop.time() - started

    async def once(self) -> None:
        """One comparison, where this is the time for one."""
        rolling, rows = self.traffic.table.rolling, self.traffic.sample
        if (
            rolling is None
            or not rolling.judged
            or not rows
            or not self.traffic.warm()
            or self._users_wait()
        ):
            return

        size = SIZES[self._turn % len(SIZES)]
        self._turn += 1
        batch = (rows[:size] * size)[:size]
        if sum(map(len, batch)) > self._most_bytes:
            return

        body = b'{"instances":[' + b",".join(batch) + b"]}"
        versions = [rolling.candidate, rolling.stable]
        if self.chance() < 0.5:
            versions.reverse()

        tally = self.traffic.tallies.of(self.traffic.table, rolling.candidate)
        times = {version: await self._times(version, body) for version in versions}
        mine, theirs = times[rolling.candidate], times[rolling.stable]
        if mine is not None and theirs is not None:
            bump(tally.timing, self._ratio(mine.processor_s, theirs.processor_s))
            bump(tally.elapsed, self._ratio(mine.elapsed_s, theirs.elapsed_s))

    def _ratio(self, mine_s: float, theirs_s: float) -> int:
        return ratio_bin(mine_s + self._beside_s, theirs_s + self._beside_s)

    def _users_wait(self) -> bool:
        return any(lane.queued_rows > BUSY_ROWS for lane in self.traffic.lanes.values())

    async def _times(self, version: str, body: bytes) -> "PairedTimes | None":
        """The model's times for the second of two equal batches; None where one was not answered
        well.
        """
        times = None
        for _ in range(2):
            outcome = await self._ask(version, body)
            if (
                not isinstance(outcome, Answer)
                or outcome.status != 200
                or "errors" in _errors(outcome.body)
            ):
                return None
            times = times_of(outcome)

        return times

    async def _ask(self, version: str, body: bytes) -> Answer | Failure:
        lane = self.traffic.lanes.get(version)
        if lane is None:
            return Failure("closed", "it is not deployed")

        answered: asyncio.Future[Answer | Failure] = asyncio.get_running_loop().create_future()

        def arrived(outcome: Answer | Failure) -> None:
            if not answered.done():
                answered.set_result(outcome)

        lane.pool.predict(body, arrived, self._timeout_s)
        return await answered


@dataclass(frozen=True, slots=True)
class PairedTimes:
    """What a version says of one batch, in seconds: by the clock, and of the processor."""

    elapsed_s: float
    processor_s: float


def times_of(answer: Answer) -> PairedTimes | None:
    """The times an answer tells; of a version that does not tell the processor's, the clock's stand
    for both.
    """
    elapsed_s = model_seconds(answer)
    if not elapsed_s:
        return None
    return PairedTimes(elapsed_s, model_seconds(answer, b"cpu") or elapsed_s)


def model_seconds(answer: Answer, metric: bytes = b"predict") -> float | None:
    """What `Server-Timing: METRIC;dur=` says, in seconds."""
    for name, value in answer.headers:
        for each in value.split(b",") if name == b"server-timing" else ():
            said, _, duration = each.strip().partition(b";dur=")
            if said == metric:
                try:
                    return float(duration) / 1000
                except ValueError:
                    return None

    return None
