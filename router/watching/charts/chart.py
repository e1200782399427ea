"""One chart: lines over time, with a sentence that says the same."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from router.watching.sections.number_words import shown

Value = float | int | None


@dataclass(frozen=True)
class Line:
    """One line. colour: a name that page.css knows (`v0`, `v1`, ..., `limit`, `proof`, `alarm`).

    style: `solid`, `dashed`, `dotted`; steps: a value holds until the next one. band: of `low` and
    `high` of one band, which is filled between them.
    """

    name: str
    values: Sequence[Value]
    colour: str
    style: str = "solid"
    steps: bool = False
    band: str = ""


@dataclass(frozen=True)
class Chart:
    """A chart. at: epoch seconds, rising. unit: after each number. sentence: its label.

    greyed: why its lines must not be compared; empty where they may. top, bottom: the ends of its
    axis, where these are fixed. immature_s: from when on labels are still missing (epoch seconds).
    """

    id: str
    title: str
    unit: str
    at: Sequence[float]
    lines: Sequence[Line]
    sentence: str = ""
    greyed: str = ""
    top: float | None = None
    bottom: float | None = None
    immature_s: float | None = None


def sentence_of(title: str, unit: str, at: Sequence[float], lines: Sequence[Line]) -> str:
    """`Requests per second, 14:02 to 14:17 UTC: v1 last 940, v2 last 50.`"""
    parts = []
    for line in lines:
        last = next((value for value in reversed(line.values) if value is not None), None)
        if last is not None:
            parts.append(f"{line.name} last {shown(last)}{unit}")

    if not at or not parts:
        return f"{title}: no data yet."
    return f"{title}, {clock(at[0])} to {clock(at[-1])} UTC: {', '.join(parts)}."


def chart(
    chart_id: str,
    title: str,
    unit: str,
    at: Sequence[float],
    lines: Sequence[Line],
    greyed: str = "",
    top: float | None = None,
    bottom: float | None = None,
    immature_s: float | None = None,
) -> Chart:
    """A chart with its sentence."""
    words = sentence_of(title, unit, at, lines)
    if greyed:
        words = f"{words} Not comparable: {greyed}."

    return Chart(chart_id, title, unit, at, lines, words, greyed, top, bottom, immature_s)


def clock(at: float) -> str:
    """`14:02` in UTC."""
    return f"{datetime.fromtimestamp(at, UTC):%H:%M}"
