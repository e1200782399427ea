"""What `metrics` prints: a table on a terminal, CSV, or a Parquet file for notebooks."""

import csv
import io
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.table import Table
from rich.text import Text

from cli.output import printable
from cli.render.exit_codes import Out
from cli.render.terminal import console, number_table
from deployment.history.metrics import VersionMetrics
from deployment.workspace.errors import EdgeFailure
from rollout.history.series import ARRAYS, VersionCounts, rows

COLUMNS = ("REQ", "REQ/S", "SHARE", "ERR", "P50", "P90", "P99", "ROWS", "LABELS", "ACC")


def show_metrics(out: Out, metrics: VersionMetrics) -> None:
    """Draw the table, or print all of it as JSON."""
    if out.as_json:
        series = metrics.series
        body = series.to_json()
        body["versions"] = {name: body["versions"][name] for name in metrics.versions}
        out.result(body)
        return

    screen = console()
    for name in metrics.versions:
        screen.print(_table(metrics, name))

    screen.print(Text(_as_of(metrics), style="dim"))


def show_csv(out: Out, metrics: VersionMetrics) -> None:
    """Print one line for each step and version, under a line of names."""
    text = io.StringIO()
    writer = csv.DictWriter(text, ("at", "version", *ARRAYS), lineterminator="\n")
    writer.writeheader()
    writer.writerows(_dated(metrics))
    out.result({"csv": text.getvalue()}, *text.getvalue().splitlines())


def write_parquet(out: Out, metrics: VersionMetrics, path: Path) -> None:
    """Write the same rows to a file; raises EdgeFailure where that cannot be written."""
    import pyarrow as pa
    import pyarrow.parquet

    listed = list(_dated(metrics))
    try:
        pyarrow.parquet.write_table(pa.Table.from_pylist(listed), path)
    except OSError as error:
        raise EdgeFailure(f"{path} cannot be written: {error}. Name another file") from None

    out.result({"rows": len(listed), "path": str(path)}, f"{len(listed)} rows in {path}")


def _dated(metrics: VersionMetrics) -> Iterator[dict[str, Any]]:
    for row in rows(metrics.series, metrics.versions):
        yield {**row, "at": datetime.fromtimestamp(row["at"], UTC)}


def _table(metrics: VersionMetrics, name: str) -> Table:
    series = metrics.series
    table = number_table([printable(name)], COLUMNS)
    for at, counts in zip(series.at, series.steps, strict=True):
        if name in counts:
            table.add_row(_time(at, series.step), *cells(counts[name]))

    table.add_row("all", *cells(series.total[name]), style="bold")
    return table


def cells(counts: VersionCounts) -> Iterator[str]:
    """One text a column."""
    yield f"{counts.requests:,}"
    yield _or_dash(counts.per_s, "{:.1f}")
    yield _percent(counts.served_share)
    yield _percent(counts.error_rate)
    yield _or_dash(counts.p50_ms, "{:.1f} ms")
    yield _or_dash(counts.p90_ms, "{:.1f} ms")
    yield _or_dash(counts.p99_ms, "{:.1f} ms")
    yield _or_dash(counts.batch_rows, "{:.1f}")
    yield f"{counts.labels:,}" if counts.labels else "-"
    yield _accuracy(counts)


def _accuracy(counts: VersionCounts) -> str:
    if counts.accuracy is not None:
        return f"{counts.accuracy:.3f}"
    return _or_dash(counts.mean_absolute_error, "MAE {:.4g}")


def _percent(part: float | None) -> str:
    if part is None:
        return "-"
    return f"{100 * part:.2f} %"


def _or_dash(number: float | None, form: str) -> str:
    if number is None:
        return "-"
    return form.format(number)


def _time(at: int, step: int) -> str:
    """Local time of a step's beginning, with the day where steps are long."""
    moment = datetime.fromtimestamp(at, UTC).astimezone()
    return f"{moment:%m-%d %H:%M}" if step >= 3_600 else f"{moment:%H:%M:%S}"


def _as_of(metrics: VersionMetrics) -> str:
    series = metrics.series
    age = "" if series.age_s is None else f", as of {series.age_s:.0f} s ago"
    return f"steps of {series.step} s, begun at the time shown{age}"
