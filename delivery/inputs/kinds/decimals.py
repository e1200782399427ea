"""Columns of decimal numbers."""

import decimal
from collections.abc import Iterator
from typing import Any

from delivery.inputs.kinds.kind import FrameKind, Probed, ProbedColumn, SeenColumn, arrow_dtype
from service.bundle import FrameColumn, ValueForm

NEAR = ("0", "-0", "0.00", "1", "-1", "0.1", "0.01", "1E+1", "12.50")
FAR = ("99999999", "-99999999", "0.000000001", "12345678901234567890.12")


class DecimalKind(FrameKind):
    """Decimals of Python's in a column of objects, or pyarrow's."""

    name = "decimal"
    value_types = (decimal.Decimal,)

    def has_dtype(self, dtype: Any) -> bool:
        """See FrameKind."""
        return str(arrow_dtype(dtype)).startswith("decimal")

    def form(self, column: SeenColumn) -> tuple[FrameColumn, ValueForm]:
        """See FrameKind."""
        for series in column.series:
            held = arrow_dtype(series.dtype)
            if column.frame.dtype == f"{held}[pyarrow]":
                return column.frame, ValueForm(digits=held.precision, scale=held.scale)

        return column.frame, ValueForm()

    def probes(self, column: ProbedColumn) -> Iterator[Probed]:
        """See FrameKind."""
        for number in (*column.values, *NEAR):
            yield number, False

        for number in FAR:
            yield number, True
