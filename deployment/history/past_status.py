"""`status --at` and `watch --at`: what was served and judged at a moment, as the history has it."""

import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from deployment.history.moment import Moment, moment, shown
from deployment.workspace.errors import EdgeFailure
from deployment.workspace.ledger import opened
from deployment.workspace.workspace import Workspace
from rollout.history.reader import HistoryReader, PastMoment
from rollout.history.series import ARRAYS, VersionCounts
from store.errors import StoreUnavailable
from store.history.history_store import HistoryStore, is_missing


@dataclass(frozen=True)
class PastStatus:
    """What could be seen then. asked: the moment that was asked for."""

    model: str
    asked: Moment
    past: PastMoment

    @property
    def recorded_at(self) -> datetime:
        """When the moment was recorded, no later than was asked for."""
        return datetime.fromtimestamp(self.past.moment.at, UTC)

    def to_json(self) -> dict[str, Any]:
        """Plain JSON; weights in percent."""
        kept = self.past.moment
        return {
            "model": self.model,
            "at": self.asked.at.isoformat(),
            "read_as": self.asked.note,
            "recorded_at": self.recorded_at.isoformat(),
            "revision": kept.revision,
            "released": kept.released,
            "split": {name: points / 100 for name, points in kept.asked.items()},
            "rollout": kept.rollout,
            "verdict": kept.report,
            "counted_until": datetime.fromtimestamp(self.past.counted_until, UTC).isoformat(),
            "versions": {name: _numbers(counts) for name, counts in self.past.counts.items()},
        }


def past_status(workspace: Workspace, text: str) -> PastStatus:
    """What was served and judged at a time, such as `2026-05-01T12:00Z` or `2h`.

    Raises EdgeFailure where nothing was kept by then; BadOption, StoreError."""
    asked = moment(text, datetime.now(UTC))
    model = workspace.settings.model
    with opened(workspace) as database:
        reader = HistoryReader(HistoryStore(database, model), time.time)
        try:
            past = reader.moment(asked.at.timestamp())
        except StoreUnavailable as error:
            if not is_missing(error):
                raise
            past = None

    if past is None:
        raise EdgeFailure(
            f"the history has nothing of {shown(asked.at)} or before: "
            "`python deploy.py history --at` tells what was in force"
        )
    return PastStatus(model, asked, past)


def _numbers(counts: VersionCounts) -> dict[str, Any]:
    return {number: getattr(counts, number) for number in ARRAYS}
