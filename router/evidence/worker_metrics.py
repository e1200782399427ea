"""The metrics of all workers: each publishes its own counts to a file.

The hot path adds to a dictionary, and nothing is shared while a request is in progress. A reader
sums all files, so the numbers are right with several workers, and the counts of dead workers stay.
Of a dead worker only the counts are read, whether or not its master has merged them into those of
all dead workers."""

import os
import re
from pathlib import Path
from typing import Any

import msgspec

from rollout.history.worker_counts import DRIFT
from rollout.verdict.bins import BINS_PER_OCTAVE, latency_bin
from rollout.verdict.evidence import summed
from router.process_identity import lives

Key = tuple[str, ...]
SEPARATOR = "\x1f"
_OF_DRIFT = DRIFT + SEPARATOR
RETIRED = "0.json"
"""The file of all dead workers that were merged."""
MOST_MERGED = 100
LOOKS = 5
# A caller may send any request id: what is no mere identifier might name a person. OpenMetrics
# allows 128 characters, the version's name and the labels' included.
OPAQUE = re.compile(r"[A-Za-z0-9_-]{1,40}")


class Worst(msgspec.Struct, frozen=True):
    """A row on which a shadow differs from the user's answer.

    gap: the difference. row, answered, shadow: JSON text."""

    version: str
    gap: float
    row: str
    answered: str
    shadow: str


class ExampleRequest(msgspec.Struct, frozen=True):
    """One answered request of many, so that a strange time leads to a request.

    seconds: from draw to outcome. at: epoch seconds of when it was published."""

    version: str
    role: str
    seconds: float
    request_id: str
    at: float


class Snapshot(msgspec.Struct):
    """One worker's metrics.

    counts: they only grow. gauges, worst, examples: the present values. gone: the worker is dead.
    merged: of all dead workers: the process ids and starts of those that were merged last.
    since: counts since `rollout` began, empty without one.
    started: the worker's start (process_identity.py). master: the process id of its master."""

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
    merged: list[tuple[int, int]] = []
    examples: list[ExampleRequest] = []


class Requests:
    """The requests of one version in one role. bins: counts by latency. seconds: their sum.

    fresh: seconds and id of the first request in each octave of latency since the last publication.
    """

    __slots__ = ("bins", "codes", "fresh", "seconds")

    def __init__(self) -> None:
        self.codes: dict[int, int] = {}
        self.bins: dict[int, int] = {}
        self.seconds = 0.0
        self.fresh: dict[int, tuple[float, bytes]] = {}


class WorkerMetrics:
    """The counts of one worker."""

    def __init__(self) -> None:
        self.values: dict[Key, float] = {}
        self._requests: dict[tuple[str, str], Requests] = {}
        self._examples: dict[tuple[str, str, int], ExampleRequest] = {}

    def add(self, key: Key, amount: float = 1) -> None:
        """Add to one count."""
        self.values[key] = self.values.get(key, 0) + amount

    def request(
        self, version: str, role: str, code: int, seconds: float, request_id: bytes = b""
    ) -> None:
        """Count one answered request."""
        requests = self._requests.get((version, role))
        if requests is None:
            requests = self._requests[version, role] = Requests()

        requests.codes[code] = requests.codes.get(code, 0) + 1
        index = latency_bin(seconds)
        requests.bins[index] = requests.bins.get(index, 0) + 1
        requests.seconds += seconds
        octave = index // BINS_PER_OCTAVE
        if request_id and octave not in requests.fresh:
            requests.fresh[octave] = seconds, request_id

    def examples(self, now: float) -> list[ExampleRequest]:
        """The newest request of each version, role and octave of latency. now: epoch seconds."""
        for (version, role), requests in self._requests.items():
            fresh, requests.fresh = requests.fresh, {}
            for octave, (seconds, request_id) in fresh.items():
                name = request_id.decode("latin-1")
                if OPAQUE.fullmatch(name):
                    example = ExampleRequest(version, role, seconds, name, now)
                    self._examples[version, role, octave] = example

        return list(self._examples.values())

    def total(self) -> int:
        """All answered requests."""
        return sum(sum(requests.codes.values()) for requests in self._requests.values())

    def requests_by(self, prefix: str) -> dict[str, float]:
        """The answered requests by joined keys: prefix, version, status."""
        counts: dict[str, float] = {}
        for (version, _), requests in self._requests.items():
            for code, count in requests.codes.items():
                key = SEPARATOR.join((prefix, version, str(code)))
                counts[key] = counts.get(key, 0) + count

        return counts

    def flat(self) -> dict[str, float]:
        """All counts by joined keys, as they are published."""
        counts = {SEPARATOR.join(key): value for key, value in self.values.items()}
        for (version, role), requests in self._requests.items():
            end = SEPARATOR + version + SEPARATOR + role
            counts[f"latency_sum{end}"] = requests.seconds
            for code, count in requests.codes.items():
                counts[f"requests{end}{SEPARATOR}{code}"] = count

            for index, count in requests.bins.items():
                counts[f"latency{end}{SEPARATOR}{index}"] = count

        return counts


def split_key(joined: str) -> Key:
    """The parts of a published key."""
    return tuple(joined.split(SEPARATOR))


def split_keys(counts: dict[str, float]) -> dict[Key, float]:
    """Published counts by the parts of their keys."""
    return {split_key(joined): value for joined, value in counts.items()}


class SinceRollout:
    """The counts since the rollout in progress began, or since this worker started after that."""

    def __init__(self) -> None:
        self._rollout = ""
        self._before: dict[str, float] = {}

    def of(self, rollout: str, counts: dict[str, float]) -> dict[str, float]:
        """`counts` less those of the first call with this rollout; empty without a rollout."""
        if rollout != self._rollout:
            self._rollout, self._before = rollout, counts

        if not rollout:
            return {}

        since = {}
        for key, value in counts.items():
            # Of those the history knows since when, and they are many.
            if not key.startswith(_OF_DRIFT):
                since[key] = value - self._before.get(key, 0)

        return since


def folder(state: Path) -> Path:
    """The folder of the snapshots."""
    return state / "run" / "counts"


def publish(state: Path, snapshot: Snapshot) -> None:
    """Replace this worker's file."""
    _write(folder(state) / f"{snapshot.pid}.json", snapshot)


def retire(state: Path, pid: int) -> None:
    """Merge a dead worker's counts into those of all dead workers."""
    dead = folder(state) / f"{pid}.json"
    snapshot = _read(dead)
    if snapshot is None:
        return

    retired = _read(folder(state) / RETIRED) or Snapshot(0, {}, {})
    counts, since = summed([retired.counts, snapshot.counts]), snapshot.since
    if retired.rollout == snapshot.rollout:
        since = summed([retired.since, since])

    merged = Snapshot(
        0,
        counts,
        {},
        gone=True,
        rollout=snapshot.rollout,
        since=since,
        merged=[*retired.merged[-MOST_MERGED:], (snapshot.pid, snapshot.started)],
    )
    _write(folder(state) / RETIRED, merged)
    dead.unlink(missing_ok=True)


def are_counting(state: Path) -> bool:
    """Whether any worker still counts, such as one of a killed master."""
    return any(not snapshot.gone for snapshot in _snapshots(_files(state)))


def forget(state: Path) -> None:
    """Start from zero, unless workers of a killed master still answer."""
    folder(state).mkdir(parents=True, exist_ok=True)
    if are_counting(state):
        return

    for path in [*_files(state), *folder(state).glob("*.draft")]:
        path.unlink(missing_ok=True)


def all_snapshots(state: Path, own: Snapshot) -> list[Snapshot]:
    """The snapshots of all workers. own: this worker's, which is newer than its file."""
    return [own, *(other for other in published(state) if other.pid != own.pid)]


def published(state: Path) -> list[Snapshot]:
    """What all workers have published, dead ones included, each count once.

    While a dead worker is merged, its counts may be in both files, or in one read before."""
    for _ in range(LOOKS):
        before = _read(folder(state) / RETIRED)
        snapshots = _snapshots(_files(state))
        retired = _read(folder(state) / RETIRED)
        if before == retired:
            break

    merged = {process for process in (retired.merged if retired else ()) if process[1]}
    return [one for one in snapshots if (one.pid, one.started) not in merged]


def _files(state: Path) -> list[Path]:
    return sorted(folder(state).glob("*.json"))


def _snapshots(files: list[Path]) -> list[Snapshot]:
    snapshots = filter(None, map(_read, files))
    return list(map(_without_stale_gauges, snapshots))


def _without_stale_gauges(snapshot: Snapshot) -> Snapshot:
    """The counts alone of a dead worker that is not merged because its master was killed, too."""
    if snapshot.gone or lives(snapshot.pid, snapshot.started):
        return snapshot

    return Snapshot(
        snapshot.pid,
        snapshot.counts,
        {},
        gone=True,
        started=snapshot.started,
        rollout=snapshot.rollout,
        since=snapshot.since,
        merged=snapshot.merged,
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
