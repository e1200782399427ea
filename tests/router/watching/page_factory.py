"""Sources of the page for its tests, without a database."""

from dataclasses import replace
from typing import Any

from rollout.history.counts import CellKey, Counts
from rollout.history.series import Series, series_of
from rollout.state.ledger import Ledger
from rollout.verdict.words.earlier_words import as_of_today
from router.watching.sources.act_list import RecordedAct
from router.watching.sources.page_sources import PageSources, VersionNumbers
from router.watching.sources.time_span import TimeSpan
from tests.rollout.ledger_commands import STARTED, ledger_after
from tests.rollout.verdict.test_report import GOOD, report_of

NOW = 10_000.0
SPAN = TimeSpan("rollout", NOW - 100, NOW, 10)
CANARY = ledger_after("canary v2 --auto", ledger=STARTED)


def act(revision: int, at: float, action: str = "step", **changes: Any) -> RecordedAct:
    """An act of ana's."""
    made = RecordedAct(revision, at, "ana", action, "because", {"v1": 10_000}, "v1", "", "", None)
    return replace(made, **changes)


def counts(**cells: dict[str, dict[str, float]]) -> Counts:
    """Counts by version, as the history has them."""
    return {CellKey(name): cell for name, cell in cells.items()}


def series(*parts: tuple[float, Counts], span: TimeSpan = SPAN) -> Series:
    """The series of these counts by time."""
    return series_of(
        [(int(at), cell) for at, cell in parts],
        int(span.since),
        int(span.until),
        span.step,
        span.until,
        span.until,
    )


def sources(ledger: Ledger = CANARY, **changes: Any) -> PageSources:
    """What a page of a canary in progress is made of."""
    made = PageSources(
        model="flights",
        at=NOW,
        past=False,
        span=SPAN,
        ledger=ledger,
        acts=[act(2, NOW - 20, asked={"v1": 9_500, "v2": 500}), act(1, NOW - 60)],
        versions={"v1": VersionNumbers(requests=900), "v2": VersionNumbers(requests=100)},
        counted_since="since the rollout began",
        report=as_of_today(report_of(*GOOD)) if ledger.rollout else None,
    )
    return replace(made, **changes)
