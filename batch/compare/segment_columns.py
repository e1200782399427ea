"""The groups that rows are summed up by: the columns that the versions take, as files have them."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, datetime
from functools import partial
from itertools import count
from operator import itemgetter
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.types as kinds

from batch.inputs.arrow_types import is_number
from batch.inputs.json_forms import json_forms
from batch.inputs.work_units import WorkUnit
from batch.predict_unit import reader_of
from rollout.differences.column_groups import NULL, ColumnGroups, column_groups
from service.bundle import Column

SAMPLED_ROWS = 20_000
"""Rows that decide the groups of a column, as many as a replay has at most."""
MOST_SAMPLED_GROUPS = 200
MOST_GROUPS = 500
NUMBERS = ("float", "int")
READ_FROM_TEXT = {"float": pa.float64(), "int": pa.float64(), "bool": pa.bool_()}


@dataclass(frozen=True)
class CodedColumn:
    """The groups of some rows. names: of all groups; codes: each row's number in them.

    The last name is that of values that were not in the sample, which make no group.
    """

    column: str
    names: list[str]
    codes: np.ndarray


class GroupedColumn:
    """One column with its groups, of which the most frequent in the sample are counted."""

    def __init__(self, name: str, dtype: str, sample: list[Any]) -> None:
        self.name, self.dtype = name, dtype
        self.plain = plain_whole if dtype == "int" else plain
        sample = list(map(self.plain, sample))
        self.groups: ColumnGroups = column_groups(sample)
        frequent = Counter(map(self.groups.name, sample)).most_common(MOST_GROUPS)
        self._names = list(map(itemgetter(0), frequent))
        if self.groups.kind == "quarters":
            cuts = range(len(self.groups.cuts) + 1)
            self._names = [*map(self.groups.between, cuts), NULL]

        self._numbers = dict(zip(self._names, count(), strict=False))

    def coded(self, values: pa.Array) -> CodedColumn:
        """The groups of the values, as `typed` has them."""
        return CodedColumn(self.name, [*self._names, ""], self._codes(values))

    def _codes(self, values: pa.Array) -> np.ndarray:
        if self.groups.kind == "quarters":
            if not is_number(values.type):
                return np.full(len(values), len(self._names))
            numbers = pc.cast(values, pa.float64(), safe=False).to_numpy(zero_copy_only=False)
            codes = np.searchsorted(self.groups.cuts, numbers, side="left")
            return np.where(np.isnan(numbers), len(self._names) - 1, codes)

        return self._codes_of_each(values)

    def _codes_of_each(self, values: pa.Array) -> np.ndarray:
        """Through a dictionary: so each distinct value is named once."""
        if kinds.is_nested(values.type):
            return self._numbers_of(python_values(values))

        encoded = pc.dictionary_encode(values)
        numbers = self._numbers_of([*python_values(encoded.dictionary), None])
        indices = pc.fill_null(encoded.indices, len(numbers) - 1)
        codes: np.ndarray = numbers[indices.to_numpy(zero_copy_only=False)]
        return codes

    def _numbers_of(self, values: Iterable[Any]) -> np.ndarray:
        """The groups of Python's values."""
        unknown = len(self._names)
        names = map(self.groups.name, map(self.plain, values))
        return np.array([self._numbers.get(name, unknown) for name in names], dtype=np.int64)


class SegmentReader:
    """Reads these columns of the input files. columns: of both versions."""

    def __init__(self, columns: list[Column]) -> None:
        self.columns = columns
        self.dtypes = {column.name: column.dtype for column in columns}

    def read(self, unit: WorkUnit, rows: int) -> Iterator[pa.RecordBatch]:
        """The unit in chunks of at most so many rows."""
        # The values are read as they are to be copied, and one column as the model takes it, for a
        # reader has at least one.
        reader = reader_of(unit.file.format, self.columns[:1], list(self.dtypes))
        for chunk in reader.read(unit, rows):
            arrays = [
                typed(chunk.copied.column(name), dtype) for name, dtype in self.dtypes.items()
            ]
            yield pa.RecordBatch.from_arrays(arrays, list(self.dtypes))

    def sampled(self, units: list[WorkUnit]) -> list[GroupedColumn]:
        """The columns with the groups of a sample: the first rows of row groups evenly spread."""
        parts = list(_row_groups(units))
        parts = parts[:: max(1, len(parts) // MOST_SAMPLED_GROUPS)]
        rows = max(1, SAMPLED_ROWS // max(1, len(parts)))
        values: dict[str, list[Any]] = defaultdict(list)
        for part in parts:
            for batch in _first(self.read(part, rows), rows):
                for name in self.dtypes:
                    values[name] += python_values(batch.column(name))

        return [GroupedColumn(name, dtype, values[name]) for name, dtype in self.dtypes.items()]


def _first(batches: Iterator[pa.RecordBatch], rows: int) -> Iterator[pa.RecordBatch]:
    """The first so many rows. A file of no row groups is read no further than they reach."""
    for batch in batches:
        yield batch.slice(0, rows)
        rows -= batch.num_rows
        if rows <= 0:
            return


def _row_groups(units: list[WorkUnit]) -> Iterator[WorkUnit]:
    for unit in units:
        if not unit.groups:
            yield unit
        for group in unit.groups:
            yield WorkUnit(unit.file, unit.number, (group,), unit.first_row, None)


def typed(values: pa.Array, dtype: str) -> pa.Array:
    """A column as it is grouped: numbers are floats, also where a file has them as texts."""
    if kinds.is_dictionary(values.type):
        values = values.cast(values.type.value_type)
    if dtype in NUMBERS and is_number(values.type):
        return pc.cast(values, pa.float64(), safe=False)
    if not kinds.is_string(values.type):
        return values

    values = pc.if_else(pc.equal(values, ""), pa.scalar(None, pa.string()), values)
    kind = READ_FROM_TEXT.get(dtype)
    if kind is None:
        return values

    values = pc.utf8_trim_whitespace(values)
    try:
        return pc.cast(values, kind)
    except pa.ArrowInvalid:
        return pa.array(map(partial(_cell, kind=kind), values), kind)


def _cell(text: pa.Scalar, kind: pa.DataType) -> Any:
    """A value; None for a bad cell, whose row has its reason elsewhere."""
    try:
        return pc.cast(text, kind).as_py()
    except pa.ArrowInvalid:
        return None


def python_values(values: pa.Array) -> list[Any]:
    """Python's own values; of what it has none for, as dates beyond the year 9999, a text."""
    try:
        read: list[Any] = values.to_pylist()
    except (OverflowError, ValueError):
        return [_python_value(values.slice(row, 1)) for row in range(len(values))]

    return read


def _python_value(one: pa.Array) -> Any:
    for read in (pa.Array.to_pylist, json_forms):
        with suppress(OverflowError, ValueError):
            return read(one)[0]

    return str(one.type)


def plain(value: Any) -> Any:
    """A value as JSON has it, or a text of it; NaN is null."""
    if isinstance(value, float) and value != value:
        return None
    if value is None or isinstance(value, bool | int | float | str | list):
        return value
    if isinstance(value, date | datetime):
        return value.isoformat()

    return str(value)


def plain_whole(value: Any) -> Any:
    """The same of a column of whole numbers, which are held as floats."""
    value = plain(value)
    if isinstance(value, float) and value.is_integer():
        return int(value)

    return value
