"""Recorded requests as rows: from a file, or from the samples that the router's workers write."""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from deployment.column_names import require_once
from deployment.plan.table_cells import READ_BY_LOOKS, json_cell
from deployment.workspace.errors import EdgeFailure
from deployment.workspace.workspace import Workspace
from wire.null_words import NULL_WORDS

RECENT = "recent"
MOST_ROWS = 20_000
TABLES = (".parquet", ".csv")
Row = dict[str, Any]


def recorded_rows(workspace: Workspace, source: str, columns: Mapping[str, str]) -> list[Row]:
    """The first 20,000 rows of `recent` or of a file; raises EdgeFailure where there are none.

    columns: dtype by name, of all versions that will be asked; other columns of a table, such as a
    label, are left out."""
    if source == RECENT:
        rows = recent_rows(workspace)
    else:
        rows = _rows_of_file(Path(source), columns)

    if not rows:
        raise EdgeFailure(f"{source} holds no rows")
    return rows[:MOST_ROWS]


def recent_rows(workspace: Workspace) -> list[Row]:
    """The rows of this model that all router workers kept, past ones included; raises EdgeFailure
    if there are none.
    """
    folder = workspace.state / "run" / "recent" / workspace.settings.model
    rows: list[Row] = []
    for path in sorted(folder.glob("*.jsonl")):
        rows += _rows_of_lines(path.read_bytes(), path)

    if rows:
        return rows

    why = "send predictions first, they are kept within 2 s"
    if workspace.settings.router.recent_rows == 0:
        why = "router.recent_rows in deploy.toml is 0"

    raise EdgeFailure(f"the router recorded nothing in {folder} ({why}), or name a file")


def _rows_of_file(path: Path, columns: Mapping[str, str]) -> list[Row]:
    try:
        if path.suffix in TABLES:
            return _rows_of_table(path, columns)
        return _rows_of_lines(path.read_bytes(), path)
    except OSError as error:
        raise EdgeFailure(
            f"{path} cannot be read ({error.strerror}): give a file, or `recent`"
        ) from error


def _rows_of_lines(raw: bytes, path: Path) -> list[Row]:
    rows: list[Row] = []
    for number, line in enumerate(raw.splitlines(), 1):
        if line.strip():
            rows += _rows_of_value(_parsed(line, path, number), path, number)
    return rows


def _parsed(line: bytes, path: Path, number: int) -> Any:
    try:
        return json.loads(line, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise EdgeFailure(
            f"{path}, line {number}: no JSON ({error}). One row or one request a line, or "
            f".parquet, .csv"
        ) from error


def _refuse_constant(word: str) -> None:
    raise ValueError(f"{word} is no number of JSON: write null")


def _rows_of_value(value: Any, path: Path, number: int) -> Iterable[Row]:
    rows = [value]
    if isinstance(value, dict) and list(value) == ["instances"]:
        rows = value["instances"]

    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise EdgeFailure(f'{path}, line {number}: neither a row nor {{"instances": [rows]}}')

    return rows


def _rows_of_table(path: Path, columns: Mapping[str, str]) -> list[Row]:
    from pyarrow import ArrowException

    # The last two of dates that Python's standard library does not have.
    unreadable = (ValueError, ImportError, ArrowException, OverflowError, NotImplementedError)
    try:
        return _cells_of_table(path, columns)
    except unreadable as error:
        raise EdgeFailure(f"{path} cannot be read as {path.suffix[1:]}: {error}") from error


def _cells_of_table(path: Path, columns: Mapping[str, str]) -> list[Row]:
    table = _read_table(path, columns)
    known = [name for name in table.columns if name in columns]
    if not known:
        raise EdgeFailure(f"{path} has none of the versions' columns ({', '.join(columns)})")

    cells: list[list[Any]] = []
    for name in known:
        dtype = columns[name]
        cells.append([json_cell(value, dtype) for value in table[name].tolist()])

    return [dict(zip(known, values, strict=True)) for values in zip(*cells, strict=True)]


def _read_table(path: Path, columns: Mapping[str, str]) -> Any:
    import pandas

    if path.suffix == ".csv":
        return _read_csv(path, columns)
    return pandas.read_parquet(path)


def _read_csv(path: Path, columns: Mapping[str, str]) -> Any:
    """In columns of texts only an empty field is null: NA or None is a value there.

    Datetimes, decimals and the like are read as the texts that they are.
    """
    import pandas

    # pandas would give the second of two equal names another one.
    first = pandas.read_csv(path, header=None, nrows=1, dtype=str, keep_default_na=False)
    names = first.iloc[0].tolist()
    require_once(path, names)
    texts = [name for name, dtype in columns.items() if dtype not in READ_BY_LOOKS]
    dtypes = dict.fromkeys(texts, str)
    # pandas asks for the null words of every column by its name.
    nulls: dict[str, tuple[str, ...]] = dict.fromkeys(names, NULL_WORDS)
    nulls |= dict.fromkeys(texts, ("",))
    return pandas.read_csv(path, dtype=dtypes, keep_default_na=False, na_values=nulls)
