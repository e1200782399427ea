"""The table of versions: role, process, traffic, errors, times and accuracy."""

from collections.abc import Iterator, Sequence
from typing import Any

from rich.table import Table
from rich.text import Text

from cli.render.terminal import number_table
from deployment.commands.status import VersionStatus

_COLUMNS = ("WEIGHT", "REAL", "REQ", "ERR", "P50", "P99", "AGREE", "LABELS", "ACC")
NARROWER = (
    (),
    ("AGREE",),
    ("AGREE", "LABELS"),
    ("AGREE", "LABELS", "P50"),
    ("AGREE", "LABELS", "ACC", "P50"),
)
"""Columns that a narrow terminal does without, one more at a time."""
_PROCESS_STYLES = {"running": "green", "starting": "yellow", "backoff": "red", "fatal": "bold red"}


def version_table(versions: Sequence[VersionStatus], left_out: Sequence[str]) -> Table:
    """One row a version. left_out: columns that are not shown."""
    columns = [column for column in _COLUMNS if column not in left_out]
    table = number_table(("VERSION", "ROLE", "PROCESS"), columns)
    for version in versions:
        numbers = dict(zip(_COLUMNS, _numbers(version), strict=True))
        shown = [numbers[column] for column in columns]
        table.add_row(version.name, version.role, _process(version), *shown)

    return table


def _numbers(version: VersionStatus) -> Iterator[str]:
    """One text a column."""
    yield f"{version.weight:g} %"
    yield _served(version)
    yield _or_dash(version.requests, "{}")
    yield _error_rate(version)
    yield _or_dash(version.p50_ms, "{:.1f} ms")
    yield _or_dash(version.p99_ms, "{:.1f} ms")
    yield _agreement(version)
    yield str(version.labels or "-")
    yield _accuracy(version)


def _served(version: VersionStatus) -> str:
    if version.role == "shadow":
        return "-"
    return _or_dash(version.served, "{:.1f} %")


def _error_rate(version: VersionStatus) -> str:
    if not version.requests or version.errors is None:
        return "-"
    return f"{100 * version.errors / version.requests:.2f} %"


def _agreement(version: VersionStatus) -> str:
    if version.agree is None:
        return "-"
    return f"{100 * version.agree:.1f} %"


def _accuracy(version: VersionStatus) -> str:
    """Of classes the share that was right, of values the mean absolute error."""
    if version.accuracy is not None:
        return f"{version.accuracy:.3f} ±{version.accuracy_margin:.3f}"
    return _or_dash(version.mean_absolute_error, "MAE {:.4g}")


def _process(version: VersionStatus) -> Text:
    state = version.process
    if state is None:
        state = "-" if version.state == "retired" else "not seen"

    return Text(state, style=_PROCESS_STYLES.get(state, ""))


def _or_dash(value: Any, form: str) -> str:
    if value is None:
        return "-"
    return form.format(value)
