"""The counts of router workers (router/evidence/worker_metrics.py) as counts of the history."""

from collections.abc import Iterator, Mapping

from rollout.history.counts import Cell, CellKey, Counts, Number

MOST_CLASSES = 32
"""Predicted classes of a version that are counted apart, by a machine in the life of its counts."""
OTHER_CLASSES = "other answers"
DRIFT = "drift"
"""Of a sample of rows; the kind and the key follow in the worker's key."""
_WITH_A_ROLE = {"requests": "requests", "latency": "latency"}
_BY_KEY = {
    "batch_rows": "batches",
    "fallback": "fallbacks",
    "predictions": "predictions",
    "value": "values",
    "shadow": "shadow",
    "feedback": "labels",
    "label_delay": "label delay",
    "complaints": "complaints",
}
_SUMS = {
    "batch_rows_sum": ("batch rows", "rows"),
    "shadow_dropped": ("shadow", "dropped"),
    "label_error": ("label error", "sum"),
    "label_errors": ("label error", "labels"),
}


def counts_of(values: Mapping[tuple[str, ...], float], before: Counts) -> Counts:
    """The counts of workers' keys, without a rollout.

    before: what this returned earlier in the life of these counts; its classes keep their names,
    and new ones get theirs while there is room."""
    classes = _known_classes(before)
    counts: Counts = {}
    for key, kind, name, number in _named(values):
        cell = counts.setdefault(key, {}).setdefault(kind, {})
        if kind == "predictions":
            name = _class_name(classes.setdefault(key, set()), name)

        cell[name] = cell.get(name, 0) + number

    return counts


def during(counts: Counts, rollout: str) -> Counts:
    """The same counts, of a time in which this rollout was in progress."""
    return {key._replace(rollout=rollout): cell for key, cell in counts.items()}


def _named(
    values: Mapping[tuple[str, ...], float],
) -> Iterator[tuple[CellKey, str, str, Number]]:
    """(cell, kind, key, number) of each count that the history has."""
    for key, value in values.items():
        prefix, version, *rest = key
        number = _plain(value)
        if prefix in _WITH_A_ROLE:
            role, name = rest
            yield CellKey(version, role), _WITH_A_ROLE[prefix], _of_class(prefix, name), number
        elif prefix == "latency_sum":
            yield CellKey(version, rest[0]), "times", "us", round(value * 1e6)
        elif prefix in _BY_KEY:
            yield CellKey(version), _BY_KEY[prefix], rest[0], number
        elif prefix == DRIFT:
            kind, name = rest
            yield CellKey(version), kind, name, number
        elif prefix in _SUMS:
            yield CellKey(version), *_SUMS[prefix], number
        elif prefix == "refused":
            yield CellKey(""), "refused", _of_class("requests", version), number


def _of_class(prefix: str, name: str) -> str:
    """`2xx` of a status; other keys as they are."""
    if prefix == "requests":
        return f"{name[0]}xx"
    return name


def _plain(value: float) -> Number:
    if value == int(value):
        return int(value)
    return value


def _known_classes(before: Counts) -> dict[CellKey, set[str]]:
    known = {}
    for key, cell in before.items():
        known[key] = set(cell.get("predictions", ())) - {OTHER_CLASSES}

    return known


def _class_name(known: set[str], name: str) -> str:
    if name in known:
        return name
    if len(known) >= MOST_CLASSES:
        return OTHER_CLASSES

    known.add(name)
    return name


def queue_cell(rows: float) -> Cell:
    """One look at a queue in which so many rows waited; empty for none."""
    if rows < 1:
        return {}
    return {"queue": {str((int(rows) - 1).bit_length()): 1}}
