"""Compares the models' prediction times: both versions get the same batch in turn.

The latencies of users' requests cannot be compared: a candidate at 5 % has small batches and an
idle process, so it looks fast in any case (docs/decisions/0017). Here both get the same rows in
batches of the same size, in random order, and their `Server-Timing` headers are compared. The first
of two calls is a warm-up. Processor time is compared, since a busy version shares its processor
between batches; so is elapsed time, which includes waiting and is fair where both are equally busy.
The rows are copies of answered ones. It takes a small part of the time, and pauses while users'
requests are queued."""

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
        self._overhead_s = settings.verdict.latency.overhead_ms / 1000
        self._timeout_s = settings.router.limits.version_timeout_ms / 1000
        self._most_bytes = settings.router.limits.max_body_bytes
        self._turn = 0

    async def compare(self) -> None:
        """Compare again and again, until cancelled."""
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
        """Compare once, if a judged rollout is in progress, its predictions change nothing, and no
        requests are queued.
        """
        rolling, rows = self.traffic.table.rolling, self.traffic.sample
        if (
            rolling is None
            or not rolling.judged
            or not rolling.pairs
            or not rows
            or not self.traffic.warm()
            or self._requests_wait()
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
        candidate, stable = times[rolling.candidate], times[rolling.stable]
        if candidate is not None and stable is not None:
            tally.pair_timed(
                self._ratio(candidate.processor_s, stable.processor_s),
                self._ratio(candidate.elapsed_s, stable.elapsed_s),
            )

    def _ratio(self, candidate_s: float, stable_s: float) -> int:
        return ratio_bin(candidate_s + self._overhead_s, stable_s + self._overhead_s)

    def _requests_wait(self) -> bool:
        return any(lane.queued_rows > BUSY_ROWS for lane in self.traffic.lanes.values())

    async def _times(self, version: str, body: bytes) -> "PairedTimes | None":
        """The model's times for the second of two equal batches; None if one of them failed."""
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
    """The times of one batch in seconds, as its version measured them."""

    elapsed_s: float
    processor_s: float


def times_of(answer: Answer) -> PairedTimes | None:
    """The times in an answer; processor time is elapsed time where the answer has none."""
    elapsed_s = model_seconds(answer)
    if not elapsed_s:
        return None
    return PairedTimes(elapsed_s, model_seconds(answer, b"cpu") or elapsed_s)


def model_seconds(answer: Answer, metric: bytes = b"predict") -> float | None:
    """The duration in `Server-Timing: METRIC;dur=`, in seconds; None where there is none."""
    for name, value in answer.headers:
        if name == b"server-timing":
            for entry in value.split(b","):
                entry_metric, _, duration = entry.strip().partition(b";dur=")
                if entry_metric == metric:
                    return _milliseconds(duration)

    return None


def _milliseconds(duration: bytes) -> float | None:
    try:
        return float(duration) / 1000
    except ValueError:
        return None
