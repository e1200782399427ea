"""`metrics`: numbers per version and step of time, from the history."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from deployment.commands.strategy_options import seconds
from deployment.workspace.errors import BadOption, EdgeFailure
from deployment.workspace.ledger import opened
from deployment.workspace.workspace import Workspace
from rollout.history.reader import HistoryReader
from rollout.history.series import Series
from store.errors import StoreUnavailable
from store.history.history_store import HistoryStore, is_missing

if TYPE_CHECKING:
    from sqlalchemy import Engine

STEPS_SHOWN = 20
STEPS = (1, 5, 10, 30, 60, 300, 900, 3_600, 6 * 3_600, 24 * 3_600)
NONE_YET = "nothing was counted yet: the router writes the history some seconds after it began"


@dataclass(frozen=True)
class VersionMetrics:
    """Numbers of some versions in the time asked for; versions: their names, in order."""

    series: Series
    versions: Sequence[str]


def metrics(workspace: Workspace, version: str | None, since: str, step: str) -> VersionMetrics:
    """Read them. since: how long ago the time began; step: of a row, empty: one that suits it.

    Raises EdgeFailure where there is no history, or none of this version; StoreError, BadOption."""
    length_s = seconds(since)
    step_s = round(seconds(step)) if step else _suitable(length_s)
    if step_s < 1:
        raise BadOption(f"--step {step}: counts are kept by second, so give at least 1s")

    with opened(workspace) as database:
        series = _series(database, workspace.settings.model, length_s, step_s)

    if series.as_of is None:
        raise EdgeFailure(NONE_YET)
    if version is not None and version not in series.versions:
        known = ", ".join(series.versions) or "none"
        raise EdgeFailure(
            f"nothing was counted of {version} in the last {since}; of these there are counts: "
            f"{known}"
        )

    return VersionMetrics(series, [version] if version else series.versions)


def _series(database: "Engine", model: str, length_s: float, step_s: int) -> Series:
    now = time.time()
    reader = HistoryReader(HistoryStore(database, model), time.time)
    try:
        return reader.series(now - length_s, now, step_s)
    except StoreUnavailable as error:
        if is_missing(error):
            raise EdgeFailure(NONE_YET) from None
        raise


def _suitable(length_s: float) -> int:
    """A step of which so long a time has some twenty."""
    for step in STEPS:
        if length_s / step <= STEPS_SHOWN:
            return step
    return STEPS[-1]
