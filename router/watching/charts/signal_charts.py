"""Two charts a signal: the difference as a band that holds at any time, and the evidence."""

from collections.abc import Callable, Sequence
from operator import attrgetter

from rollout.state.policy import title_of
from router.watching.charts.chart import Chart, Line, Value, chart
from router.watching.sources.verdict_moments import SignalMoment, VerdictMoment

DECIDES = 100.0
BEYOND = 1.0
"""How much of the axis is around the newest band, in widths of it."""
Number = Callable[[SignalMoment], Value]


def signal_charts(
    moments: Sequence[VerdictMoment], names: Sequence[str], colour: str
) -> list[Chart]:
    """The charts of these signals; no band where a signal has none. colour: the candidate's."""
    charts = []
    for name in names:
        if band := band_chart(moments, name, colour):
            charts.append(band)

        charts.append(evidence_chart(moments, name))

    return charts


def band_chart(moments: Sequence[VerdictMoment], name: str, colour: str) -> Chart | None:
    """The candidate's rate less the stable version's, in percentage points, with both lines."""
    with_band = [moment for moment in moments if _band_of(moment, name)]
    if not with_band:
        return None

    def values(number: Number) -> list[Value]:
        return [number(moment.signals[name]) for moment in with_band]

    last = with_band[-1].signals[name]
    lines = [
        Line("low end", values(lambda one: one.low), "band", band="low"),
        Line("high end", values(lambda one: one.high), "band", band="high"),
        Line("difference", values(lambda one: one.estimate), colour),
        Line("more is worse", values(lambda one: one.allowed), "limit", "dashed", steps=True),
    ]
    if last.both_ways:
        lines[3] = Line("more differs", lines[3].values, "limit", "dashed", steps=True)
        below = values(lambda one: None if one.allowed is None else -one.allowed)
        lines.append(Line("less differs", below, "limit", "dashed", steps=True))
    if last.proved_below is not None:
        proved = values(lambda one: one.proved_below)
        lines.append(Line("proved not worse below", proved, "proof", "dotted", steps=True))

    title = f"Difference of {title_of(name)}"
    at = list(map(attrgetter("at"), with_band))
    bottom, top = _axis(last)
    return chart(f"band-{name}", title, " pp", at, lines, top=top, bottom=bottom)


def _axis(last: SignalMoment) -> tuple[float, float]:
    """Both ends of the axis, by the newest band: the first ones are as wide as all that can be."""
    low, high = last.low or 0.0, last.high or 0.0
    room = BEYOND * max(high - low, 1e-3)
    marks = [0.0, last.allowed or 0.0, last.proved_below or 0.0]
    if last.both_ways:
        marks.append(-(last.allowed or 0.0))

    bottom, top = min(low - room, *marks), max(high + room, *marks)
    edge = 0.05 * (top - bottom)
    return round(max(-100.0, bottom - edge), 4), round(min(100.0, top + edge), 4)


def evidence_chart(moments: Sequence[VerdictMoment], name: str) -> Chart:
    """Evidence against the candidate, and the proof, in percent of what decides."""
    known = [moment for moment in moments if name in moment.signals]
    against: list[Value] = [min(moment.signals[name].against, 120.0) for moment in known]
    proof = [_limited(moment.signals[name].proof) for moment in known]
    lines = [Line("evidence against", against, "alarm")]
    if any(value is not None for value in proof):
        lines.append(Line("proof", proof, "proof"))

    decides: list[Value] = [DECIDES] * len(known)
    lines.append(Line("decides", decides, "limit", "dashed", steps=True))
    title = f"Evidence on {title_of(name)}"
    at = list(map(attrgetter("at"), known))
    return chart(f"evidence-{name}", title, " %", at, lines, top=120.0, bottom=0.0)


def _limited(value: float | None) -> Value:
    if value is None:
        return None
    return min(value, 120.0)


def _band_of(moment: VerdictMoment, name: str) -> bool:
    return name in moment.signals and moment.signals[name].estimate is not None
