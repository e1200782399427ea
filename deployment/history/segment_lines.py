"""For whom a candidate is worse: the segments of a stored verdict as a table of text."""

from collections.abc import Iterator, Mapping
from typing import Any

from cli.output import printable
from rollout.plurals import counted
from rollout.verdict.words.alarm import odds

SHOWN = 10
_COLUMNS = ("segment", "pairs", "worse", "better", "differs", "odds")


def segment_lines(verdict: Mapping[str, Any] | None) -> list[str]:
    """The segments with most evidence against the candidate, then how many there are.

    Nothing where the verdict has none, or no pair was seen yet. Raises KeyError, TypeError,
    ValueError if it cannot be read."""
    listed = (verdict or {}).get("segments") or []
    seen = [row for row in listed if row["pairs"]]
    if not seen:
        return []

    rows = [_COLUMNS, *map(_row, seen[:SHOWN])]
    return [*_aligned(rows), _sum(len(listed), len(seen), float(listed[0]["needed"]))]


def _row(segment: Mapping[str, Any]) -> tuple[str, ...]:
    counts = [f"{segment[word]:,}" for word in _COLUMNS[1:-1]]
    name = printable(f"{segment['column']} {segment['value']}")
    return name, *counts, odds(float(segment["against"]))


def _aligned(rows: list[tuple[str, ...]]) -> Iterator[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for name, *numbers in rows:
        cells = map(str.rjust, numbers, widths[1:])
        yield "  ".join((name.ljust(widths[0]), *cells))


def _sum(listed: int, seen: int, needed: float) -> str:
    hidden = ""
    if seen < listed:
        hidden = f", {seen} of them seen"
    if seen > SHOWN:
        hidden += f", {seen - SHOWN} of these not shown"

    return (
        f"{counted(listed, 'segment')}{hidden}; each alone decides at {odds(needed)}, so that all "
        f"together keep their part of alpha"
    )
