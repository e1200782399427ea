"""What `load` prints: how it goes, the table of versions, and whether the limits were kept."""

from collections.abc import Callable, Iterator
from dataclasses import asdict
from math import isnan
from pathlib import Path
from typing import Any

from rich.table import Table
from rich.text import Text

from cli.render.exit_codes import DONE, REFUSED, UNDECIDED, Out
from cli.render.terminal import console, number_table
from load.limits import FAIL, INVALID, PASS, LoadVerdict, shares
from load.locust_process import LocustRun
from load.measurement import Measurement, VersionLoad
from load.outcomes import KINDS
from load.run_load import LoadResult, LoadRun

CODES = {PASS: DONE, FAIL: REFUSED, INVALID: UNDECIDED}
SIGNS = {PASS: "✔", FAIL: "✖", INVALID: "◌"}
EVERY_S = 2.0


def progress(out: Out) -> Callable[[Measurement], None]:
    """A line every other second."""
    printed_at: list[float] = [0.0]

    def tell(measured: Measurement) -> None:
        if measured.at < printed_at[0]:
            printed_at[0] = 0.0

        if measured.at - printed_at[0] < EVERY_S:
            return

        printed_at[0] = measured.at
        total = measured.total
        out.say(
            f"  {measured.at:5.0f} s  {total.requests:,} requests  p50 "
            f"{_ms(total.latencies.ms(50))}  p99 {_ms(total.latencies.ms(99))}  errors "
            f"{_percent(total.errors)}  shed {_percent(total.shed)}"
        )

    return tell


def ended(out: Out, result: LoadResult, report: Path | None) -> int:
    """The end of a load test; returns the exit code."""
    body = {"act": "load", **as_json(result), "report": str(report) if report else None}
    if not out.as_json:
        console().print(load_table(result.shown))

    out.result(body, *_lines(result, report))
    return CODES[result.verdict.result]


def locust_ended(out: Out, run: LocustRun, report: Path | None) -> int:
    """The end of a run by Locust; returns the exit code."""
    word = FAIL if run.failed else PASS
    body = {"act": "load", "engine": "locust", "result": word, **asdict(run)}
    table = number_table(["VERSION"], ("REQ", "FAILED", "REQ/S", "P50", "P99"))
    for entry in run.entries:
        rate = entry.requests / max(run.seconds, 1e-9)
        numbers = (f"{entry.requests:,}", f"{entry.failures:,}", f"{rate:,.0f}")
        table.add_row(Text(entry.name), *numbers, f"{entry.p50_ms} ms", f"{entry.p99_ms} ms")

    if run.entries and not out.as_json:
        console().print(table)

    out.result(body, f"{SIGNS[word]} {word}: {_failures(run)}", *_where(report))
    return CODES[word]


def _failures(run: LocustRun) -> str:
    if run.failed:
        return "some requests failed"
    return "no request failed; limits are not held against Locust's times, in whole milliseconds"


def as_json(result: LoadResult) -> dict[str, Any]:
    """The result as plain values; times in milliseconds, shares of the requests."""
    measured = result.shown
    return {
        "result": result.verdict.result,
        "reasons": list(result.verdict.reasons),
        "limit": result.limit,
        "seconds": round(measured.seconds, 3),
        "offered_s": round(measured.offered_s, 2),
        "answered_s": round(measured.answered_s, 2),
        "all": _numbers(measured.total),
        "versions": {name: _numbers(one) for name, one in sorted(measured.versions.items())},
        "generator": _generator(measured),
        "steps": list(map(_step, result.runs)),
    }


def load_table(measured: Measurement) -> Table:
    """One row a version, and one of all."""
    table = number_table(["VERSION"], ("REAL", "REQ", "ERR", "SHED", "P50", "P99", "P99.9"))
    real = shares(list(measured.versions.values()))
    for name, one in sorted(measured.versions.items()):
        table.add_row(Text(name), _share(real.get(name)), *_cells(one))

    table.add_row("all", "", *_cells(measured.total))
    return table


def _cells(one: VersionLoad) -> Iterator[str]:
    yield f"{one.requests:,}"
    yield _percent(one.errors)
    yield _percent(one.shed)
    for percent in (50, 99, 99.9):
        yield _ms(one.latencies.ms(percent))


def _lines(result: LoadResult, report: Path | None) -> Iterator[str]:
    verdict, measured = result.verdict, result.shown
    if result.limit:
        yield f"limit: {result.limit:,.0f} requests/s"

    yield (
        f"generator: {measured.offered_s:,.0f} requests/s, {100 * measured.busy:.0f} % of a "
        f"processor, its own delay p99 {_ms(measured.own_delay.ms(99))}"
    )
    yield f"{SIGNS[verdict.result]} {verdict.result}{_reasons(verdict)}"
    yield from _where(report)


def _where(report: Path | None) -> Iterator[str]:
    if report is not None:
        yield f"  report: {report}"


def _reasons(verdict: LoadVerdict) -> str:
    if not verdict.reasons:
        return ": all limits kept"
    return ": " + "; ".join(verdict.reasons)


def _numbers(one: VersionLoad) -> dict[str, Any]:
    times = {f"p{percent:g}_ms": one.latencies.ms(percent) for percent in (50, 90, 99, 99.9)}
    return {
        "requests": one.requests,
        **dict(zip(KINDS, one.counts, strict=True)),
        "errors": round(one.errors, 6),
        "shed_share": round(one.shed, 6),
        **{name: None if isnan(value) else round(value, 4) for name, value in times.items()},
    }


def _generator(measured: Measurement) -> dict[str, Any]:
    delay = measured.own_delay.ms(99)
    return {
        "busy": round(measured.busy, 4),
        "own_delay_p99_ms": None if isnan(delay) else round(delay, 4),
        "waited_for_a_connection": measured.waited,
        "dropped": measured.dropped,
        "warm_up": measured.warm_up,
    }


def _step(run: LoadRun) -> dict[str, Any]:
    numbers = _numbers(run.measured.total)
    kept = ("requests", "errors", "shed_share", "p50_ms", "p99_ms")
    return {
        "level": round(run.level, 2),
        "result": run.verdict.result,
        "reasons": list(run.verdict.reasons),
        **{name: numbers[name] for name in kept},
    }


def _ms(value: float) -> str:
    return "-" if isnan(value) else f"{value:.2f} ms"


def _percent(share: float) -> str:
    return f"{100 * share:.2f} %"


def _share(share: float | None) -> str:
    return "-" if share is None else f"{100 * share:.1f} %"
