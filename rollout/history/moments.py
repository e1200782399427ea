"""What an operator could see at a moment: the split that was asked for, and the verdict."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from rollout.history.levels import HOURS, MINUTES, SECONDS, floor
from rollout.state.ledger import Ledger

DIGITS = 5
"""Significant digits of the numbers of a report that are kept."""


@dataclass(frozen=True)
class KeptMoment:
    """What was in force, and what was judged, at a time (epoch seconds).

    asked: basis points of the traffic by version. rollout: the one in progress as `outline` of
    rollout/state/ledger.py has it, with its `id`; None without one. report: that of the verdict
    (rollout/verdict/report.py), numbers shortened; None where nothing was judged."""

    at: float
    revision: int
    released: str | None
    asked: Mapping[str, int]
    rollout: Mapping[str, Any] | None = None
    report: Mapping[str, Any] | None = None

    @property
    def rollout_id(self) -> str:
        """The id of the rollout in progress, empty without one."""
        if self.rollout is None:
            return ""
        return str(self.rollout["id"])

    def to_body(self) -> dict[str, Any]:
        """Plain JSON, without `at` and `revision`, which are stored beside it."""
        return {
            "released": self.released,
            "asked": dict(self.asked),
            "rollout": self.rollout and dict(self.rollout),
            "report": self.report and dict(self.report),
        }


def moment_of(ledger: Ledger, at: float, report: Mapping[str, Any] | None = None) -> KeptMoment:
    """The moment of a ledger that is in force. report: of the verdict on its rollout."""
    rollout = None
    if ledger.rollout is not None:
        started_at = ledger.rollout.started_at
        rollout = {
            "id": ledger.rollout.id,
            **ledger.rollout.outline(),
            "held": list(ledger.rollout.held),
            "started_by": ledger.rollout.started_by,
            "started_at": started_at,
        }

    asked = ledger.split.weights() if ledger.split else {}
    short = None if report is None else shortened(report)
    return KeptMoment(at, ledger.revision, ledger.released, dict(asked), rollout, short)


def moment_of_body(at: float, revision: int, body: Mapping[str, Any]) -> KeptMoment:
    """The moment that was stored."""
    return KeptMoment(
        at, revision, body["released"], body["asked"], body.get("rollout"), body.get("report")
    )


def shortened(value: Any) -> Any:
    """Plain JSON with numbers of DIGITS significant digits; a number that is none is null."""
    if isinstance(value, Mapping):
        return {str(key): shortened(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [shortened(part) for part in value]

    if isinstance(value, float):
        if not math.isfinite(value):
            return None
        return float(f"{value:.{DIGITS}g}")
    return value


def thinned(moments: Iterable[tuple[float, int]], now: float) -> list[float]:
    """The moments that need not be kept any longer.

    moments: (time, revision). Of the last hour all are kept; of the last day the last one in each
    minute; of the last 90 days the last one in each hour, and the last one of each revision: what
    was seen just before an act."""
    last: dict[tuple[int, int, int], float] = {}
    ordered = sorted(moments)
    for at, revision in ordered:
        if at < now - SECONDS.kept:
            last[_stretch(at, revision, now)] = at

    kept = set(last.values())
    gone = []
    for at, _ in ordered:
        if at < now - HOURS.kept or (at < now - SECONDS.kept and at not in kept):
            gone.append(at)

    return gone


def _stretch(at: float, revision: int, now: float) -> tuple[int, int, int]:
    """What has one moment: a minute or an hour of one revision."""
    step = HOURS.step
    if at >= now - MINUTES.kept:
        step = MINUTES.step
    return step, floor(at, step), revision
