"""What the workers count, together: each keeps plain integers and publishes them to a file of its
own.

The hot path adds to a dictionary; nothing is shared while a request is under way. A reader adds up
all files, so that the numbers are right with several workers, and those of a worker that has died
stay. Of a dead worker only its counts are believed, whether or not its master lived to fold them
into those of all dead ones."""

import os
from pathlib import Path
from typing import Any

import msgspec

from rollout.verdict.bins import latency_bin
from rollout.verdict.evidence import summed
from router.process_identity import lives

Key = tuple[str, ...]
SEPARATOR = "\x1f"


class Worst(msgspec.Struct, frozen=True):
    """A row on which a shadow differs from the answer its user got. gap: how far; all three as JSON
    text.
    """

    version: str
    gap: float
    row: str
    answered: str
    shadow: str


class Snapshot(msgspec.Struct):
    """One worker's numbers. counts only grow; gauges and worst are true now; gone: the worker has
    died; since: counts since that rollout began, empty without one.

    started: the worker's start (process_identity.py); master: process id of the one that forked it.
    """

    pid: int
    counts: dict[str, float]
    gauges: dict[str, float]
    revision: int = 0
    ledger_age_s: float = 0.0
    gone: bool = False
    worst: list[Worst] = []
    started: int = 0
    master: int = 0
    rollout: str = ""
    since: dict[str, float] = {}


class Requests:
    """The requests of one version in one role: how many by status, their seconds together, and
    their latencies.
    """

    __slots__ = ("bins", "codes", "seconds")

    def __init__(self) -> None:
        self.codes: dict[int, int] = {}
        self.bins: dict[int, int] = {}
        self.seconds = 0.0


class WorkerMetrics:
    """One worker's counts."""

    def __init__(self) -> None:
        self.values: dict[Key, float] = {}
        self._requests: dict[tuple[str, str], Requests] = {}

    def add(self, key: Key, amount: float = 1) -> None:
        """Add to one count."""
        self.values[key] = self.values.get(key, 0) + amount

    def request(self, version: str, role: str, code: int, seconds: float) -> None:
        """Count one answered request."""
        of = self._requests.get((version, role))
        if of is None:
            of = self._requests[version, role] = Requests()

        of.codes[code] = of.codes.get(code, 0) + 1
        index = latency_bin(seconds)
        of.bins[index] = of.bins.get(index, 0) + 1
        of.seconds += seconds

    def flat(self) -> dict[str, float]:
        """The counts with their keys joined, as they are published."""
        found = {SEPARATOR.join(key): value for key, value in self.values.items()}
        for (version, role), of in self._requests.items():
            end = SEPARATOR + version + SEPARATOR + role
            found |= {f"requests{end}{SEPARATOR}{code}": count for code, count in of.codes.items()}
            found |= {f"latency{end}{SEPARATOR}{index}": count for index, count in of.bins.items()}
            found[f"latency_sum{end}"] = of.seconds

        return found


def split_key(joined: str) -> Key:
    """The parts of a published key."""
    return tuple(joined.split(SEPARATOR))


class SinceRollout:
    """What was counted since the rollout in progress began, as far as this worker was there."""

    def __init__(self) -> None:
        self._rollout = ""
        self._before: dict[str, float] = {}

    def of(self, rollout: str, counts: dict[str, float]) -> dict[str, float]:
        """The counts less those at the first call with this rollout; empty without one."""
        if rollout != self._rollout:
            self._rollout, self._before = rollout, counts

        if rollout:
            return {key: value - self._before.get(key, 0) for key, value in counts.items()}
        return {}


def folder(state: Path) -> Path:
    """Where the snapshots are."""
    return state / "run" / "counts"


def publish(state: Path, snapshot: Snapshot) -> None:
    """Replace this worker's file."""
    _write(folder(state) / f"{snapshot.pid}.json", snapshot)


def retire(state: Path, pid: int) -> None:
    """Fold a dead worker's counts into those of all dead workers."""
    dead = folder(state) / f"{pid}.json"
    snapshot = _read(dead)
    if snapshot is None:
        return

    retired = _read(folder(state) / "0.json") or Snapshot(0, {}, {})
    together = summed([retired.counts, snapshot.counts])
    since = [each.since for each in (retired, snapshot) if each.rollout == snapshot.rollout]
    _write(
        folder(state) / "0.json",
        Snapshot(0, together, {}, gone=True, rollout=snapshot.rollout, since=summed(since)),
    )
    dead.unlink(missing_ok=True)


def forget(state: Path) -> None:
    """Start from zero; where workers of a master that was killed still answer, go on from the
    counts there are.
    """
    folder(state).mkdir(parents=True, exist_ok=True)
    files = list(folder(state).glob("*.json"))
    if any(not snapshot.gone for snapshot in _snapshots(files)):
        return

    for path in [*files, *folder(state).glob("*.draft")]:
        path.unlink(missing_ok=True)


def all_snapshots(state: Path, own: Snapshot) -> list[Snapshot]:
    """Every worker's snapshot; this worker's is the one given, which is fresher than its file."""
    return [
        own,
        *_snapshots(
            [path for path in sorted(folder(state).glob("*.json")) if path.stem != str(own.pid)]
        ),
    ]


def _snapshots(files: list[Path]) -> list[Snapshot]:
    found = (_read(path) for path in files)
    return [_believed(snapshot) for snapshot in found if snapshot is not None]


def _believed(snapshot: Snapshot) -> Snapshot:
    """Of a worker that nobody could fold, because its master was killed too, the counts alone."""
    if snapshot.gone or lives(snapshot.pid, snapshot.started):
        return snapshot
    return Snapshot(
        snapshot.pid, snapshot.counts, {}, gone=True, rollout=snapshot.rollout, since=snapshot.since
    )


def _write(path: Path, snapshot: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_suffix(f".{os.getpid()}.draft")
    draft.write_bytes(msgspec.json.encode(snapshot))
    draft.replace(path)


def _read(path: Path) -> Snapshot | None:
    try:
        return msgspec.json.decode(path.read_bytes(), type=Snapshot)
    except (FileNotFoundError, msgspec.DecodeError):
        return None
