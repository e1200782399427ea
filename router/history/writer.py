"""What the one writer of the history does, which is the worker with the lease: it adds up by minute
and hour, keeps what was judged, and deletes what is old."""

from collections import deque
from dataclasses import dataclass

from rollout.history.counts import from_body, merged, to_body, without_drift
from rollout.history.levels import DRIFT_KEPT_S, HOURS, ROLLED, SECONDS, Sample, floor, rolled_up
from rollout.history.moments import KeptMoment, moment_of, thinned
from rollout.state.ledger import Ledger
from rollout.verdict.report import JudgingInput, account
from rollout.verdict.verdict import Verdict
from store.history.history_store import HistoryStore

ROLL_UP_EVERY_S = 30.0
FORGET_EVERY_S = 60.0
BLOCKS_AT_ONCE = 100
THINNED_HOURS = 48
"""So many are looked at, also of a time in which no writer was there."""
MOST_UNWRITTEN = 100
"""Judgements that are kept while the history cannot be written: the newest."""


@dataclass(frozen=True)
class Judgement:
    """What the controller judged at a time (epoch seconds). acted: it acted on it."""

    at: float
    ledger: Ledger
    case: JudgingInput
    verdict: Verdict
    acted: bool = False

    def moment(self) -> KeptMoment:
        """What an operator could see of it."""
        return moment_of(self.ledger, self.at, account(self.case, self.verdict))


class HistoryWriter:
    """The writer of one model. One thread calls its methods, which raise StoreUnavailable.

    every_s: how far apart the moments of a judged rollout are."""

    def __init__(self, store: HistoryStore, every_s: float) -> None:
        self._store, self._every_s = store, every_s
        self._rolled_at = self._forgot_at = self._thinned_at = float("-inf")
        self._newest = float("-inf"), 0
        self._judgements: deque[Judgement] = deque(maxlen=MOST_UNWRITTEN)
        self._taken_at, self._taken_revision = float("-inf"), 0

    def take(self, judged: "deque[Judgement]") -> None:
        """Take what the controller judged since the last call, which may go on meanwhile."""
        while judged:
            judgement = judged.popleft()
            if judgement.acted or self._is_due(judgement):
                self._judgements.append(judgement)
                self._taken_at = judgement.at
                self._taken_revision = judgement.ledger.revision

    def write(self, ledger: Ledger, now: float) -> None:
        """Do what is due."""
        self.keep(ledger, now)
        if is_due(now, self._rolled_at, ROLL_UP_EVERY_S):
            self.roll_up()
            self._rolled_at = now

        if is_due(now, self._forgot_at, FORGET_EVERY_S):
            self.forget(now)
            self._forgot_at = now

    def keep(self, ledger: Ledger, now: float) -> None:
        """Keep the moments that are due: before each act, some of those between, any change of the
        ledger, and one an hour."""
        while self._judgements:
            self._keep(self._judgements[0].moment())
            self._judgements.popleft()

        at, revision = self._newest
        if ledger.revision > revision or (ledger.revision and is_due(now, at, HOURS.step)):
            self._keep(moment_of(ledger, now))

    def roll_up(self) -> None:
        """Add up the blocks that are not rolled up yet."""
        while True:
            with self._store.rolling_up() as rolling:
                blocks = rolling.blocks(BLOCKS_AT_ONCE)
                samples: list[Sample] = []
                for block in blocks:
                    samples += [(at, from_body(counts)) for at, counts in block]

                for level in ROLLED:
                    for at, counts in rolled_up(samples, level.step).items():
                        stands = from_body(rolling.step(level.step, at))
                        rolling.put(level.step, at, to_body(merged([stands, counts])))

                rolling.done()

            if len(blocks) < BLOCKS_AT_ONCE:
                return

    def forget(self, now: float) -> None:
        """Delete some of what is older than it is kept."""
        steps = {level.step: now - level.kept for level in ROLLED}
        self._store.forget(now - SECONDS.kept, steps, now)
        if is_due(now, self._thinned_at, HOURS.step):
            self._forget_drift(now)
            self._thinned_at = now

        gone = thinned(self._store.times_of_moments(), now)
        if gone:
            self._store.forget_moments(gone)

    def _forget_drift(self, now: float) -> None:
        """Leave out of the hours that have become old what was counted for drift."""
        newest = floor(now - DRIFT_KEPT_S, HOURS.step)
        with self._store.rolling_up() as rolling:
            for at in range(newest - THINNED_HOURS * HOURS.step, newest, HOURS.step):
                counts = from_body(rolling.step(HOURS.step, at))
                kept = without_drift(counts)
                if kept != counts:
                    rolling.put(HOURS.step, at, to_body(kept))

    def _is_due(self, judgement: Judgement) -> bool:
        """Whether it is long enough since the last one, or the first of its revision."""
        is_new = judgement.ledger.revision != self._taken_revision
        return is_new or is_due(judgement.at, self._taken_at, self._every_s)

    def _keep(self, moment: KeptMoment) -> None:
        self._store.keep_moment(moment.at, moment.revision, moment.to_body())
        self._newest = moment.at, moment.revision


def is_due(now: float, last: float, every_s: float) -> bool:
    """Whether it is long enough since the last time, or the clock was set back meanwhile: else a
    clock that was once ahead would stop the history until that time."""
    return not last <= now < last + every_s
