"""Hands in what this machine's workers counted: each second what came in it, some seconds at once.

The published totals of all workers are the truth: what is handed in is the difference of two looks
at them, and the totals that it leads to are recorded with it, in one transaction. So nothing counts
twice, and nothing is lost while the files are there: after a worker's end, in the hands of another
one, or after hours without a database the next difference is only larger."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from rollout.history.counts import CellKey, Counts, difference, from_body, merged, to_body
from rollout.history.levels import Sample
from rollout.history.worker_counts import counts_of, during, queue_cell
from rollout.verdict.evidence import summed
from router.evidence.worker_metrics import Key, Snapshot, published, split_keys
from router.history import counts_life
from router.history.counts_life import EndedLife
from router.history.machine_lock import MachineLock
from store.history.history_store import HistoryStore

MOST_LOOKS = 600
"""So many are kept while the database is away, the older ones further apart."""
COUNTED_AGO_S = 0.5
"""What a look sees anew was counted so long before, on average: it looks once a second."""


@dataclass(frozen=True)
class Look:
    """The totals of all workers at a time (epoch seconds).

    queues: how many rows waited, as counts. rollout: the id of the one in progress, or empty."""

    at: float
    totals: dict[Key, float]
    queues: Counts
    rollout: str


@dataclass
class _Life:
    """What is known here of the life of the counts, and what was seen of it.

    recorded: the totals that were handed in, None: not known yet; by which block: `serial`.
    is_sure: whether that is all that was recorded; looks: the first one that was not, and later."""

    name: str
    looks: list[Look] = field(default_factory=list)
    serial: int = 0
    recorded: Counts | None = None
    is_sure: bool = False

    def add(self, look: Look) -> None:
        """Add a look, unless nothing has changed since the one before."""
        if not self.looks or look.queues or look.totals != self.looks[-1].totals:
            self.looks.append(look)
            if len(self.looks) > MOST_LOOKS:
                del self.looks[: MOST_LOOKS // 2 : 2]

    def samples(self) -> tuple[list[Sample], Counts]:
        """What came between the looks, and the totals it leads to."""
        totals, samples = self.recorded or {}, []
        for look in self.looks:
            before, totals = totals, counts_of(look.totals, totals)
            came = merged([difference(totals, before), look.queues])
            if came:
                samples.append((int(look.at - COUNTED_AGO_S), during(came, look.rollout)))

        return samples, totals


class Collector:
    """Hands in for the machine while this worker has its lock. One thread calls its methods."""

    def __init__(self, store: HistoryStore, state: Path) -> None:
        self._store, self._state = store, state
        self._lock = MachineLock(counts_life.lock_file(state))
        self._life: _Life | None = None

    def look(self, rollout: str, now: float) -> None:
        """Look at the totals, if this worker hands in for the machine.

        rollout: the id of the one in progress, empty without one. now: epoch seconds. Raises
        OSError where the state folder cannot be written."""
        if not self._lock.take():
            self._life = None
            return

        name = counts_life.current_life(self._state)
        if self._life is None or self._life.name != name:
            self._life = _Life(name)

        snapshots = published(self._state)
        totals = split_keys(summed(snapshot.counts for snapshot in snapshots))
        self._life.add(Look(now, totals, _queues(snapshots), rollout))

    def hand_in(self, now: float) -> None:
        """Record what came until now, and what is left of lives before; raises StoreUnavailable.

        Nothing is done where another worker hands in for the machine."""
        life = self._life
        if life is None or not life.looks:
            return

        if not life.is_sure:
            self._find_out(life)

        for ended in counts_life.ended_lives(self._state):
            self._hand_in_ended(ended)

        samples, totals = life.samples()
        if samples or not life.serial:
            self._record(life, samples, totals)
        else:
            life.is_sure = self._store.note(life.name, now)

    def release(self) -> None:
        """Leave the machine to another worker."""
        self._lock.release()
        self._life = None

    def _find_out(self, life: _Life) -> None:
        """Ask what of this life is recorded; what was seen before that is."""
        stands = self._store.handed_in(life.name)
        if stands is not None:
            life.serial, life.recorded = stands.serial, from_body(stands.totals)
            life.looks = [look for look in life.looks[:-1] if look.at > stands.at] + life.looks[-1:]
        else:
            life.serial = 0
            if life.recorded is None and counts_life.was_handed_in(self._state, life.name):
                # The history was deleted, and what this life had counted by then with it.
                life.recorded = counts_of(life.looks[0].totals, {})

        life.is_sure = True

    def _record(self, life: _Life, samples: list[Sample], totals: Counts) -> None:
        # Until the answer is there, it may be recorded or not.
        life.is_sure = False
        newest = life.looks[-1]
        if self._hand_in(life.name, life.serial, samples, totals, newest.at):
            life.serial, life.recorded, life.is_sure = life.serial + 1, totals, True
            life.looks = [Look(newest.at, newest.totals, {}, newest.rollout)]

    def _hand_in_ended(self, ended: EndedLife) -> None:
        stands = self._store.handed_in(ended.life)
        recorded = from_body(stands.totals) if stands else {}
        totals = counts_of(split_keys(ended.counts), recorded)
        rest = difference(totals, recorded)
        is_lost = stands is None and counts_life.was_handed_in(self._state, ended.life)
        if rest and not is_lost:
            serial = stands.serial if stands else 0
            if not self._hand_in(ended.life, serial, [(int(ended.at), rest)], totals, ended.at):
                return

        counts_life.forget_life(self._state, ended.life)

    def _hand_in(
        self, life: str, serial: int, samples: list[Sample], totals: Counts, at: float
    ) -> bool:
        bodies = [(second, to_body(counts)) for second, counts in samples]
        if not self._store.hand_in(life, serial, bodies, to_body(totals), at):
            return False

        counts_life.note_handed_in(self._state, life)
        return True


def _queues(snapshots: Iterable[Snapshot]) -> Counts:
    """One look at the queues of all workers of this machine."""
    rows: dict[str, float] = {}
    for snapshot in snapshots:
        for key, value in split_keys(snapshot.gauges).items():
            if key[0] == "queue_rows":
                rows[key[1]] = rows.get(key[1], 0) + value

    cells: Counts = {}
    for version, waiting in rows.items():
        if cell := queue_cell(waiting):
            cells[CellKey(version)] = cell

    return cells
