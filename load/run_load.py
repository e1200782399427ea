"""Runs load: one run of a shape, or the search for the largest rate that keeps the limits."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import nan
from typing import NamedTuple

from load.engine.plan import Plan, Signer, Stream
from load.generator_process import GeneratorProcess
from load.limit_search import SearchStep, kept_rate, next_rate
from load.limits import FAIL, INVALID, PASS, LoadLimits, LoadVerdict, judged
from load.measurement import Measurement
from load.overload_guard import OverloadGuard
from load.shapes import Phase, phases_of

GRACE_S = 12.0
"""How long the last answers are waited for: a little longer than the router's deadline."""
MOST_INVALID = 3
"""Runs of a search in a row whose generator was too slow: fewer are stalls of the machine."""
Follow = Callable[[Measurement], None]


@dataclass(frozen=True)
class LoadTarget:
    """What requests are sent to, and which.

    bodies: a file with a body a line. unit_header, units: empty and 0 where requests bear none.
    connections: kept open meanwhile. signer: of their marks; through: see Plan.
    """

    url: str
    bodies: str
    unit_header: str
    units: int
    connections: int
    signer: Signer
    through: str = ""


@dataclass(frozen=True)
class LoadShape:
    """A shape about a rate, or about a number of users of a closed loop, for some seconds.

    users: None for an open loop. think_s: of such a user, on average, between answer and request.
    """

    name: str
    seconds: float
    rate: float
    users: int | None = None
    think_s: float = 1.0

    @property
    def level(self) -> float:
        """The rate or number of users that the shape is about."""
        return self.rate if self.users is None else float(self.users)


class LoadRun(NamedTuple):
    """One run. level: the rate, or the number of users, that it was about."""

    level: float
    measured: Measurement
    verdict: LoadVerdict


@dataclass(frozen=True)
class LoadResult:
    """What a load test found. runs: the one run, or those of a search; limit: the largest rate that
    kept the limits, None where it was not asked for.
    """

    verdict: LoadVerdict
    runs: Sequence[LoadRun]
    limit: float | None = None

    @property
    def shown(self) -> Measurement:
        """The run to show: of a search the one at its limit, or the last."""
        kept = [run for run in self.runs if run.level == self.limit and run.verdict.result == PASS]
        return (kept or list(self.runs))[-1].measured


@dataclass
class LoadRunner:
    """Runs load against a target. follow: hears of the run now and then."""

    target: LoadTarget
    limits: LoadLimits
    follow: Follow = lambda _: None

    def run(self, shape: LoadShape) -> LoadResult:
        """One run. Raises GeneratorFailed."""
        run = self._run(shape)
        return LoadResult(run.verdict, [run])

    def find_limit(
        self, first: float, most: float, seconds: float, say: Callable[[str], None]
    ) -> LoadResult:
        """The largest rate that keeps the limits. first: to try; most: is never exceeded; seconds:
        of each step. Raises GeneratorFailed.

        A rate at which the generator was too slow three times in a row ends the search: the limit
        is not known then."""
        steps: list[SearchStep] = []
        runs: list[LoadRun] = []
        invalid = 0
        while (rate := next_rate(steps, first, most)) is not None:
            runs.append(self._run(LoadShape("constant", seconds, rate)))
            verdict = runs[-1].verdict
            say(f"{rate:,.0f} requests/s: {verdict.result}{_because(verdict)}")
            invalid = invalid + 1 if verdict.result == INVALID else 0
            if invalid == MOST_INVALID:
                break
            if invalid:
                continue

            steps.append(SearchStep(rate, verdict.result == PASS))

        return LoadResult(_of_search(steps, verdict, most), runs, kept_rate(steps))

    def _run(self, shape: LoadShape) -> LoadRun:
        measured, stopped = self._measured(shape)
        return LoadRun(shape.level, measured, judged(measured, self.limits, stopped))

    def _measured(self, shape: LoadShape) -> tuple[Measurement, str]:
        """What came of a shape, and why it was stopped early, empty where it was not."""
        phases = phases_of(shape.name, shape.level, shape.seconds)
        expected = sum(phase.count for phase in phases) if shape.users is None else nan
        measured, guard, stopped = Measurement(shape.seconds, expected), OverloadGuard(), ""
        with GeneratorProcess(self._plan(shape, phases)) as generator:
            for chunk in generator.chunks():
                measured.add(chunk)
                self.follow(measured)
                if not stopped and (stopped := guard.reason(measured)):
                    generator.stop()

        return measured, stopped

    def _plan(self, shape: LoadShape, phases: list[Phase]) -> Plan:
        target = self.target
        stream = Stream(
            name="load",
            bodies=target.bodies,
            phases=phases,
            connections=target.connections if shape.users is None else shape.users,
            unit_header=target.unit_header,
            units=target.units,
            closed=shape.users is not None,
            think_s=shape.think_s,
            poisson=True,
        )
        return Plan(target.url, [stream], GRACE_S, target.signer, target.through)


def _of_search(steps: Sequence[SearchStep], last: LoadVerdict, most: float) -> LoadVerdict:
    kept = kept_rate(steps)
    if last.result == INVALID:
        limit_words = (
            f"the limit is at least {kept:,.0f} requests/s" if kept else "no limit was found"
        )
        return LoadVerdict(INVALID, (limit_words, *last.reasons))
    if not kept:
        return LoadVerdict(FAIL, ("even one request a second breaks the limits", *last.reasons))
    if kept >= most:
        reason = f"{most:,.0f} requests/s keep the limits, and `max_rate` allows no more"
        return LoadVerdict(PASS, (reason,))

    return LoadVerdict(PASS)


def _because(verdict: LoadVerdict) -> str:
    if not verdict.reasons:
        return ""
    return f" ({verdict.reasons[0]})"
