"""What was counted of a rollout, as the verdict reads it. Counts only; adding them up needs no
order.

A tally is the counts of one version at one weight of the candidate, by kind:

    drawn       "all": requests that were drawn by chance for it
    finished    "ok", "error" (failed on its rows, also where another version answered),
                "refused" (422), "neither" (failed or refused, and the other version does not
                answer these rows either, or its process could not be asked), "shed" (no room)
    waits       latency bin (rollout/verdict/bins.py) of each finished request, without cold starts
    classes     predicted class of a request's first row
    values      bin of the predicted value of a request's first row, where it is no class
    labels      loss of a late label, in sixteenths of its bound
    paired      the candidate's loss less the stable version's, on the same request: -16 to 16
    copies      what became of a copy sent to the candidate: "agree", "differ", "error"
    control     the same of a copy sent to the stable version once more: the noise floor
    answers     requests that both versions were asked at the same moment: "both" answered,
                "candidate failed", "candidate refused", "stable failed", "stable refused" where the
                other one answered, else "neither"
    compared    of those that both answered: "pairs", all of them; "up", "down": the candidate's
                value is another one; "nearer same", "nearer other": nearer to the stable version's
                answer to the same request, or to another one; "timed", "candidate slow",
                "stable slow": pairs whose times count, and those in which one took three times as
                long
    left        class of the stable version's answer in a pair where the candidate's is another one
    entered     class of the candidate's answer in such a pair
    segments    pairs by segment of their first row, as "column=value|word": "both", "worse" (the
                candidate alone failed or refused), "better" (the stable version alone),
                "differs" (both answered, not the same), "neither"
    outages     slot of OUTAGE_SLOT_S seconds in which outages of the version began, as pairs met
                them
    outcomes    requests and copies of the version: "ok", "refused"; "failed" (of pairs), "lost"
                (its process could not be asked) and "shed" where the other version answered the
                same request; "copied": the copies among them; "load answered", "load not answered":
                copies of a rehearsal (router/dispatch/load_rehearsal.py)
    complaints  the platform's error codes in the log of the version's app, as R14
                (rollout/verdict/memory_errors.py)
    timing      bin of the candidate's over the stable version's processor time for the same batch
    elapsed     the same by the clock
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from types import MappingProxyType
from typing import Any

import numpy as np

from rollout.state.split import ALL
from rollout.verdict.count_matrix import Count, CountMatrix, CountsSinceMarks, counts_of

Tally = Mapping[str, Mapping[str, Count]]
Key = tuple[str, int]
"""Version, and basis points of the candidate in force when the requests were routed."""

NO_ROLLOUT = "released"
"""The released version is counted under this name while there is no rollout: the baseline of the
next one."""
OUTAGE_SLOT_S = 30.0
"""Outages of both versions within this time are one event."""
ASKED = ("ok", "refused", "failed", "lost", "shed")
"""Words of `outcomes` that are requests or copies of them."""
LABEL_LEVELS = 17
"""Losses are kept in sixteenths of their bound: 0 to 16."""
COPIES_SHARE = 0.9
"""Of the copies of a judged shadow so many go to the candidate; the others ask the stable version
once more.
"""
_NOTHING: Tally = MappingProxyType({})


@dataclass(frozen=True)
class Evidence:
    """All tallies of one rollout."""

    candidate: str
    stable: str
    tallies: Mapping[Key, Tally]
    # A verdict asks for the same counts many times.
    _read: dict[tuple[str, str], CountMatrix] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )

    def of(self, version: str, kind: str) -> dict[str, Count]:
        """Counts of one kind, all weights together."""
        return summed(self._each_weight(version, kind))

    def requests(self, version: str) -> Count:
        """Finished requests of a version."""
        return sum(self.of(version, "finished").values())

    def asked(self, version: str) -> Count:
        """Requests and copies that a version was asked, those of units that come again included."""
        outcomes, finished = self.of(version, "outcomes"), self.of(version, "finished")
        return asked({"outcomes": outcomes, "finished": finished})

    def near_half(self, tolerance: float) -> "Evidence":
        """What was counted while the candidate's share was one half, give or take `tolerance`."""
        near = {}
        for (version, weight), tally in self.tallies.items():
            if abs(weight - ALL / 2) <= tolerance * ALL:
                near[version, weight] = tally

        return replace(self, tallies=near)

    def without(self, *kinds: str) -> "Evidence":
        """The counts of all other kinds."""
        tallies = {}
        for key, tally in self.tallies.items():
            tallies[key] = {kind: tally[kind] for kind in tally if kind not in kinds}

        return replace(self, tallies=tallies)

    def since(self, mark: "Evidence", kinds: Iterable[str] | None = None) -> "Evidence":
        """What came after `mark` was taken of it; of the other kinds, where some are named,
        everything.
        """
        only = kinds if kinds is None else frozenset(kinds)
        tallies = {}
        for key, tally in self.tallies.items():
            tallies[key] = _Since(tally, mark.tallies.get(key, _NOTHING), only)

        return replace(self, tallies=tallies)

    def periods(self, marks: Sequence["Evidence"]) -> "Evidence":
        """All of it, then what came since each mark: whole numbers become arrays (1 + marks,)."""
        tallies = {}
        for key, tally in self.tallies.items():
            before = [mark.tallies.get(key, _NOTHING) for mark in marks]
            tallies[key] = {kind: CountsSinceMarks(kind, tally, before) for kind in tally}
        return replace(self, tallies=tallies)

    def tables(
        self, kind: str, bad: Iterable[str], good: Iterable[str] | None = None
    ) -> dict[float, Any]:
        """Counts (..., 2, 2) by share, of [candidate, stable] x [good, bad]; good: all others where
        none are named.
        """
        if good is not None:
            good = frozenset(good)

        return self._by_share(self._drawn(kind).parted(frozenset(bad), good))

    def above(self, kind: str, candidate_from: int, stable_from: int) -> dict[float, Any]:
        """Counts (..., 2, 2) by share of numbered bins: level 1 is a bin of at least the version's
        threshold.
        """
        return self._by_share(self._drawn(kind).above([candidate_from, stable_from]))

    def levels(self, kind: str, count: int) -> dict[float, Any]:
        """Counts (..., 2, count) by share of numbered levels."""
        return self._by_share(self._drawn(kind).levels(range(count)))

    def sides(self, kind: str, edge: int) -> Any:
        """Counts (..., 2) of the candidate's bins before `edge` and of those from it on, all
        weights together.
        """
        return self._own(kind).above(edge)

    def errors(self) -> dict[float, Any]:
        """Counts (..., 2, 2) by share of drawn requests: level 1 is one that failed and that the
        other one answers.

        Leaving out of both versions what neither answers changes neither the difference of their
        rates nor what a bet on it is worth, whatever rows are sent."""
        return self.tables("finished", ["error"], ["ok", "refused", "neither"])

    def refusals(self) -> dict[float, Any]:
        """The same of what was refused."""
        return self.tables("finished", ["refused"], ["ok", "neither"])

    def copies(self) -> dict[float, Any]:
        """Counts (..., 2, 2) by share of copies: [to the candidate, to the stable version again] x
        [agreed, not].
        """
        cells: list[Count] = []
        for kind in ("copies", "control"):
            counts = self.of(self.candidate, kind)
            cells += [counts.get("agree", 0), counts.get("differ", 0) + counts.get("error", 0)]

        table = np.stack(np.broadcast_arrays(*cells), -1).astype(float)
        if table.any():
            return {COPIES_SHARE: table.reshape(*table.shape[:-1], 2, 2)}
        return {}

    def paired(self) -> Any:
        """Counts (..., 2 * LABEL_LEVELS - 1) of the candidate's loss less the stable version's,
        best for it first.
        """
        return self._own("paired").levels(range(1 - LABEL_LEVELS, LABEL_LEVELS))

    def outages(self) -> tuple[Any, Any]:
        """Times (...) of OUTAGE_SLOT_S in which outages of the candidate alone began, and of the
        stable version alone.
        """
        rows = list(self._each_weight(self.candidate, "outages"))
        of_candidate = len(rows)
        rows += self._each_weight(self.stable, "outages")
        _, cells = counts_of(rows)
        if not cells.size:
            return 0.0, 0.0

        candidate = cells[:of_candidate].sum(0) > 0
        stable = cells[of_candidate:].sum(0) > 0
        return (candidate & ~stable).sum(-1), (stable & ~candidate).sum(-1)

    def was_away(self, now: float) -> bool:
        """Whether an outage of the candidate began in the last half minute or two. now: epoch
        seconds.
        """
        newest = max(map(int, self.of(self.candidate, "outages")), default=None)
        return newest is not None and now < (newest + 2) * OUTAGE_SLOT_S

    def drawn(self, kind: str) -> dict[float, Any]:
        """Counts (..., 2) by share: how many of that kind each version has."""
        return {share: table.sum(-1) for share, table in self.tables(kind, ()).items()}

    def to_body(self) -> dict[str, Any]:
        """Plain JSON. `from_body(to_body())` is the identity."""
        rows = []
        for (version, weight), tally in sorted(self.tallies.items(), key=_key_of):
            rows.append([version, weight, {kind: dict(counts) for kind, counts in tally.items()}])

        return {"candidate": self.candidate, "stable": self.stable, "tallies": rows}

    @cached_property
    def _weights(self) -> list[int]:
        """The weights at which requests were drawn by chance."""
        return sorted({weight for _, weight in self.tallies if 0 < weight < ALL})

    def _drawn(self, kind: str) -> CountMatrix:
        """Counts (weights, ..., 2, names) of both versions, the candidate first, where requests
        were drawn by chance.
        """
        if ("drawn", kind) not in self._read:
            rows = []
            for weight in self._weights:
                rows.append(self._kind(self.candidate, weight, kind))
                rows.append(self._kind(self.stable, weight, kind))

            names, cells = counts_of(rows)
            cells = cells.reshape(len(self._weights), 2, *cells.shape[1:])
            self._read["drawn", kind] = CountMatrix(names, np.moveaxis(cells, 1, -2))

        return self._read["drawn", kind]

    def _own(self, kind: str) -> CountMatrix:
        """Counts (..., names) of the candidate, all weights together."""
        if ("own", kind) not in self._read:
            names, cells = counts_of(list(self._each_weight(self.candidate, kind)))
            self._read["own", kind] = CountMatrix(names, cells.sum(0))

        return self._read["own", kind]

    def _by_share(self, tables: Any) -> dict[float, Any]:
        has_counts = tables.any(tuple(range(1, tables.ndim)))
        by_share = {}
        for weight, table, counted in zip(self._weights, tables, has_counts, strict=True):
            if counted:
                by_share[weight / ALL] = table

        return by_share

    def _each_weight(self, version: str, kind: str) -> Iterator[Mapping[str, Count]]:
        """Counts of a version, one mapping a weight."""
        for (name, _), tally in self.tallies.items():
            if name == version:
                yield tally.get(kind, {})

    def _kind(self, version: str, weight: int, kind: str) -> Mapping[str, Count]:
        return self.tallies.get((version, weight), _NOTHING).get(kind, {})


def asked(tally: Tally) -> Count:
    """Requests and copies of a tally; draws alone are counted where it has no outcomes."""
    counted: Count = 0
    for word, count in tally.get("outcomes", {}).items():
        if word in ASKED:
            counted = counted + count

    # Workers of an earlier version count draws alone.
    return np.maximum(counted, sum(tally.get("finished", {}).values()))


def from_body(body: Mapping[str, Any]) -> Evidence:
    """The evidence of plain JSON."""
    tallies = {(version, weight): tally for version, weight, tally in body["tallies"]}
    return Evidence(body["candidate"], body["stable"], tallies)


def _key_of(item: tuple[Key, Tally]) -> Key:
    return item[0]


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
    for part in counts:
        for key, value in part.items():
            total[key] = total.get(key, 0) + value

    return total


class _Since(Mapping[str, Mapping[str, Count]]):
    """A tally less an earlier one of the same, each kind subtracted when it is first read.

    only: the kinds that are subtracted; None: all of them.
    """

    def __init__(self, tally: Tally, before: Tally, only: frozenset[str] | None) -> None:
        self._tally, self._before, self._only = tally, before, only
        self._read: dict[str, Mapping[str, Count]] = {}

    def __getitem__(self, kind: str) -> Mapping[str, Count]:
        if kind not in self._read:
            self._read[kind] = self._since(kind)

        return self._read[kind]

    def _since(self, kind: str) -> Mapping[str, Count]:
        counts, before = self._tally[kind], self._before.get(kind, {})
        if not before or (self._only is not None and kind not in self._only):
            return counts
        return {key: _rest(count, before.get(key, 0)) for key, count in counts.items()}

    def __iter__(self) -> Iterator[str]:
        return iter(self._tally)

    def __len__(self) -> int:
        return len(self._tally)


def _rest(now: Count, then: Count) -> Count:
    """A count that is behind the mark belongs to a worker whose newest counts are not in yet:
    nothing came since.
    """
    if isinstance(now, int):
        return max(now - then, 0)
    return np.maximum(now - then, 0)
