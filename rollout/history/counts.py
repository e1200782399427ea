"""Counts of a stretch of time that can be added up: of two stretches, two workers or two machines.

A cell is the counts of one version in one role while one rollout was in progress, by kind and key:

    requests     class of the answer's status: "2xx", "4xx", "5xx"
    latency      latency bin (rollout/verdict/bins.py) of each request
    times        "us": the sum of the latencies, in microseconds
    batches      size of a batch, as the exponent of the power of two that holds it
    batch rows   "rows": their sum
    queue        exponent of the rows that waited, one count for each look of a machine at its queue
    fallbacks    reason for which another version answered
    predictions  predicted class; those beyond MOST_CLASSES of a source are counted together
    values       value bin (rollout/verdict/bins.py) of each predicted number
    shadow       "agree", "differ", "error"; "dropped": copies that found no room
    labels       "right", "wrong", "scored", "unscored", "duplicate", "invalid"
    label error  "labels" of predicted numbers, and the "sum" of their absolute errors
    label delay  delay bin (rollout/history/bins.py) of each label: how long after its prediction
    complaints   the platform's error codes in the log of the version's app
    sampled ...  "rows" of users that were counted for drift, and "refused" of them
    column ..., answer ..., mix ...: bins of these rows (rollout/drift/training_reference.py)
    refused      class of the status of an answer that was no prediction; of no version

Only requests, latencies and times have a role."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

Number = int | float
Cell = dict[str, dict[str, Number]]
"""Counts by kind and key."""


OF_DRIFT = ("sampled ", "column ", "answer ", "mix ")
"""How the kinds begin that are kept for DRIFT_KEPT_S (levels.py) alone."""


class CellKey(NamedTuple):
    """What a cell is of. rollout: the id of the rollout in progress, empty without one."""

    version: str
    role: str = ""
    rollout: str = ""


Counts = dict[CellKey, Cell]


def merged(parts: Iterable[Mapping[CellKey, Mapping[str, Mapping[str, Number]]]]) -> Counts:
    """All counts added up. Order and grouping of the parts change nothing."""
    total: Counts = {}
    for part in parts:
        for key, cell in part.items():
            _add(total.setdefault(key, {}), cell)

    return total


def merged_cells(cells: Iterable[Mapping[str, Mapping[str, Number]]]) -> Cell:
    """The same of cells, whatever they are of."""
    total: Cell = {}
    for cell in cells:
        _add(total, cell)

    return total


def _add(total: Cell, cell: Mapping[str, Mapping[str, Number]]) -> None:
    for kind, counts in cell.items():
        sums = total.setdefault(kind, {})
        for key, number in counts.items():
            sums[key] = sums.get(key, 0) + number


def without_drift(counts: Counts) -> Counts:
    """All but the bins of columns and answers, which are many."""
    return {key: _without(cell) for key, cell in counts.items()}


def _without(cell: Cell) -> Cell:
    return {kind: counts for kind, counts in cell.items() if not kind.startswith(OF_DRIFT)}


def difference(now: Counts, before: Counts) -> Counts:
    """What came between two totals, without zeros. `merged([before, difference])` is `now`."""
    gone = {key: before[key] for key in before if key not in now}
    changed: Counts = {}
    for key, cell in [*now.items(), *((key, {}) for key in gone)]:
        rest = _cell_difference(cell, before.get(key, {}))
        if rest:
            changed[key] = rest

    return changed


def _cell_difference(now: Cell, before: Cell) -> Cell:
    changed: Cell = {}
    for kind in now.keys() | before.keys():
        new, old = now.get(kind, {}), before.get(kind, {})
        rest: dict[str, Number] = {}
        for key in new.keys() | old.keys():
            number = new.get(key, 0) - old.get(key, 0)
            if number:
                rest[key] = number

        if rest:
            changed[kind] = rest

    return changed


def to_body(counts: Counts) -> list[Any]:
    """Plain JSON. `from_body(to_body())` is the identity."""
    return [[*key, counts[key]] for key in sorted(counts)]


def from_body(body: Iterable[Any]) -> Counts:
    """The counts of plain JSON."""
    return dict(_cells(body))


def _cells(body: Iterable[Any]) -> Iterator[tuple[CellKey, Cell]]:
    for version, role, rollout, cell in body:
        yield CellKey(version, role, rollout), cell
