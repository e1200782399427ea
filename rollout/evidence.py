"""What was counted of a rollout, as the verdict reads it. Counts only; adding them up needs no order.

A tally is the counts of one version at one weight of the candidate, by kind:

    drawn       "all": requests the router's coin gave it
    finished    "ok", "error" (5xx, time-out, crash, failed and answered by another), "refused" (422), "shed" (no room)
    waits       latency bin (rollout/bins.py) of each finished request, cold starts left out
    classes     predicted class of a request's first row
    values      bin of the predicted value of a request's first row, where it is no class
    labels      loss of a late label, in sixteenths of its bound
    paired      the same of a shadow's answer less that of the user's, to the same request: -16 to 16
    copies      what became of a copy sent to the candidate: "agree", "differ", "error"
    control     the same of a copy sent to the stable version once more, the noise floor
    answers     requests both versions answered: "both", "candidate failed", "stable failed"
    complaints  the platform's error codes in the log of the version's app, as R14 (rollout/complaints.py)
    timing      bin of candidate's over stable's processor time for the same batch (rollout/bins.py)
    elapsed     the same by the clock
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np

from rollout.split import ALL

Count = Any
"""A whole number; the simulation hands in arrays of them, one entry a look."""
Tally = Mapping[str, Mapping[str, Count]]
Key = tuple[str, int]
"""Version, and basis points of the candidate in force when the requests were routed."""

LABEL_LEVELS = 17
"""Losses are kept in sixteenths of their bound: 0 to 16."""
COPIES_SHARE = 0.9
"""Of the copies of a judged shadow so many go to the candidate; the others ask the stable version once more."""
_NOTHING: Tally = MappingProxyType({})


@dataclass(frozen=True)
class Evidence:
    """All tallies of one rollout."""

    candidate: str
    stable: str
    tallies: Mapping[Key, Tally]

    def of(self, version: str, kind: str) -> dict[str, Count]:
        """Counts of one kind, all weights together."""
        return summed(tally.get(kind, {}) for (name, _), tally in self.tallies.items() if name == version)

    def requests(self, version: str) -> Count:
        """Finished requests of a version."""
        return sum(self.of(version, "finished").values())

    def near_half(self, apart: float) -> "Evidence":
        """What was counted while the candidate's share was one half, give or take `apart`."""
        near = {key: tally for key, tally in self.tallies.items() if abs(key[1] - ALL / 2) <= apart * ALL}
        return Evidence(self.candidate, self.stable, near)

    def since(self, mark: "Evidence", kinds: Iterable[str] | None = None) -> "Evidence":
        """What came after `mark` was taken of it; of the other kinds, where some are named, everything."""
        only = None if kinds is None else frozenset(kinds)
        tallies = {key: _Since(tally, mark.tallies.get(key, _NOTHING), only) for key, tally in self.tallies.items()}
        return Evidence(self.candidate, self.stable, tallies)

    def tables(self, kind: str, bad: Iterable[str], good: Iterable[str] | None = None) -> dict[float, Any]:
        """Counts (..., 2, 2) by share, of [candidate, stable] x [good, bad]; good: all others where none are named."""
        bad, good = frozenset(bad), None if good is None else frozenset(good)

        def cells(counts: Mapping[str, Count]) -> list[Count]:
            wrong = sum(n for key, n in counts.items() if key in bad)
            right = sum(n for key, n in counts.items() if (key not in bad if good is None else key in good))
            return [right, wrong]

        return self._tables(kind, cells, cells)

    def above(self, kind: str, candidate_from: int, stable_from: int) -> dict[float, Any]:
        """Counts (..., 2, 2) by share of numbered bins: level 1 is a bin of at least the version's threshold."""

        def cells(threshold: int) -> Any:
            def cut(counts: Mapping[str, Count]) -> list[Count]:
                high = sum(n for key, n in counts.items() if int(key) >= threshold)
                return [sum(counts.values()) - high, high]

            return cut

        return self._tables(kind, cells(candidate_from), cells(stable_from))

    def levels(self, kind: str, count: int) -> dict[float, Any]:
        """Counts (..., 2, count) by share of numbered levels."""

        def cells(counts: Mapping[str, Count]) -> list[Count]:
            return [counts.get(str(level), 0) for level in range(count)]

        return self._tables(kind, cells, cells)

    def copies(self) -> dict[float, Any]:
        """Counts (..., 2, 2) by share of copies: [to the candidate, to the stable version again] x [agreed, not]."""
        sent, control = self.of(self.candidate, "copies"), self.of(self.candidate, "control")
        cells = [counts.get(key, 0) for counts in (sent, control) for key in ("agree", "differ", "error")]
        agree, differ, error, agrees, differs, errs = np.broadcast_arrays(*cells)
        table = np.stack([agree, differ + error, agrees, differs + errs], -1).astype(float)
        return {COPIES_SHARE: table.reshape(*table.shape[:-1], 2, 2)} if table.any() else {}

    def paired(self) -> Any:
        """Counts (..., 2 * LABEL_LEVELS - 1) of the candidate's loss less the stable version's, best for it first."""
        counts = self.of(self.candidate, "paired")
        most = LABEL_LEVELS - 1
        return np.stack(np.broadcast_arrays(*(counts.get(str(level), 0) for level in range(-most, most + 1))), -1)

    def drawn(self, kind: str) -> dict[float, Any]:
        """Counts (..., 2) by share: how many of that kind each version has."""
        return {share: table.sum(-1) for share, table in self.tables(kind, ()).items()}

    def to_body(self) -> dict[str, Any]:
        """Plain JSON. `from_body(to_body())` is the identity."""
        rows = [[*key, {kind: dict(counts) for kind, counts in tally.items()}] for key, tally in self.tallies.items()]
        return {"candidate": self.candidate, "stable": self.stable, "tallies": sorted(rows, key=lambda row: row[:2])}

    def _tables(self, kind: str, candidate: Any, stable: Any) -> dict[float, Any]:
        found = {}
        for weight in sorted({weight for _, weight in self.tallies if 0 < weight < ALL}):
            mine = candidate(self._kind(self.candidate, weight, kind))
            theirs = stable(self._kind(self.stable, weight, kind))
            cells = np.stack(np.broadcast_arrays(*mine, *theirs), -1).astype(float)
            if cells.any():
                found[weight / ALL] = cells.reshape(*cells.shape[:-1], 2, -1)
        return found

    def _kind(self, version: str, weight: int, kind: str) -> Mapping[str, Count]:
        return self.tallies.get((version, weight), _NOTHING).get(kind, {})


def from_body(body: Mapping[str, Any]) -> Evidence:
    """The evidence of plain JSON."""
    tallies = {(version, weight): tally for version, weight, tally in body["tallies"]}
    return Evidence(body["candidate"], body["stable"], tallies)


def merged(candidate: str, stable: str, parts: Iterable[tuple[str, int, Tally]]) -> Evidence:
    """The evidence of many workers' tallies: (version, weight, counts), in any order and number."""
    together: dict[Key, dict[str, dict[str, Count]]] = {}
    for version, weight, tally in parts:
        here = together.setdefault((version, weight), {})
        for kind, counts in tally.items():
            here[kind] = summed([here.get(kind, {}), counts])
    return Evidence(candidate, stable, together)


def summed(counts: Iterable[Mapping[str, Count]]) -> dict[str, Count]:
    """Counts added up, key by key."""
    total: dict[str, Count] = {}
    for each in counts:
        for key, value in each.items():
            total[key] = total.get(key, 0) + value
    return total


class _Since(Mapping[str, Mapping[str, Count]]):
    """A tally less an earlier one of the same, worked out kind by kind when it is asked for; of `only` these kinds."""

    def __init__(self, tally: Tally, before: Tally, only: frozenset[str] | None) -> None:
        self._tally, self._before, self._only = tally, before, only
        self._found: dict[str, Mapping[str, Count]] = {}

    def __getitem__(self, kind: str) -> Mapping[str, Count]:
        if kind not in self._found:
            counts, then = self._tally[kind], self._before.get(kind, {})
            whole = not then or (self._only is not None and kind not in self._only)
            self._found[kind] = counts if whole else {key: _rest(n, then.get(key, 0)) for key, n in counts.items()}
        return self._found[kind]

    def __iter__(self) -> Iterator[str]:
        return iter(self._tally)

    def __len__(self) -> int:
        return len(self._tally)


def _rest(now: Count, then: Count) -> Count:
    """A count that is behind the mark belongs to a worker whose newest counts are not in yet: nothing came since."""
    return max(now - then, 0) if isinstance(now, int) else np.maximum(now - then, 0)
