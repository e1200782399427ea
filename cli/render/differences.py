"""The differences between two versions' answers in words, of a replay or of files."""

import json
from collections.abc import Iterator
from typing import Any

from rollout.differences.summary import Differences
from rollout.plurals import counted

LONGEST_ROW = 300


def shares_in_words(differences: Differences) -> str:
    """How many rows changed."""
    return _share(differences.changed, differences.rows)


def differences_in_words(differences: Differences, today: str, tomorrow: str) -> Iterator[str]:
    """Line by line. today, tomorrow: the versions' names."""
    yield (
        f"  another answer {differences.flips}, "
        f"only {tomorrow} fails {_failures(differences, tomorrow)}, "
        f"only {today} fails {_failures(differences, today)}, "
        f"both fail {differences.failed_both}"
    )
    yield (
        f"  numbers beyond the tolerance: {_share(differences.moved, differences.rows)}, "
        f"{differences.mean_distance:.3g} apart on average"
    )
    yield from _errors(differences)
    yield from _worst(differences, today, tomorrow)
    yield from _segments(differences)


def _errors(differences: Differences) -> Iterator[str]:
    for cause in differences.errors:
        column = f"column '{cause.column}'" if cause.column else "no column named"
        rows = counted(cause.rows, "row")
        yield f"  ✖ only {cause.version} fails on {rows}, {column}: {cause.example}"


def _worst(differences: Differences, today: str, tomorrow: str) -> Iterator[str]:
    if differences.worst:
        yield "  furthest apart"

    for change in differences.worst:
        answers = f"{today} {_short(change.today)}, {tomorrow} {_short(change.tomorrow)}"
        yield f"    {change.distance:.3g}  {answers}  {_row(change.row)}"


def _segments(differences: Differences) -> Iterator[str]:
    if differences.for_whom:
        yield f"  for whom (all rows: {_percent(differences.changed, differences.rows)})"

    for group in differences.for_whom:
        line = f"    {group.column} {group.value}: {_share(group.changed, group.rows)} change"
        if group.mean_distance:
            line += f", {group.mean_distance:.3g} apart on average"

        yield line


def _failures(differences: Differences, version: str) -> int:
    """Rows that only this version failed on."""
    return sum(cause.rows for cause in differences.errors if cause.version == version)


def _share(part: int, rows: int) -> str:
    return f"{part} of {rows} ({_percent(part, rows)})"


def _percent(part: int, rows: int) -> str:
    return f"{100 * part / max(1, rows):.1f} %"


def _short(value: Any) -> str:
    if isinstance(value, list):
        return f"[{', '.join(map(_short, value))}]"
    if isinstance(value, float):
        return f"{value:.4g}"
    return str(value)


def _row(row: dict[str, Any]) -> str:
    text = json.dumps(row, ensure_ascii=False)
    if len(text) <= LONGEST_ROW:
        return text
    return f"{text[:LONGEST_ROW]}..."
