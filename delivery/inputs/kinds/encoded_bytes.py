"""Columns of bytes."""

from collections.abc import Iterator
from typing import Any

from delivery.inputs.kinds.kind import FrameKind, Probed, ProbedColumn, SeenColumn, arrow_dtype
from service.bundle import FrameColumn, ValueForm

# None, a zero, all ones, a broken text of UTF-8, and a text.
ENCODED = ("", "AA==", "////", "w5g=", "w/8=", "aGVsbG8=")


class BytesKind(FrameKind):
    """Bytes of Python's in a column of objects, or pyarrow's."""

    name = "bytes"
    value_types = (bytes,)

    def has_dtype(self, dtype: Any) -> bool:
        """See FrameKind."""
        return str(arrow_dtype(dtype)) in ("binary", "large_binary")

    def form(self, column: SeenColumn) -> tuple[FrameColumn, ValueForm]:
        """See FrameKind."""
        return column.frame, ValueForm()

    def probes(self, column: ProbedColumn) -> Iterator[Probed]:
        """See FrameKind."""
        for text in (*column.values, *ENCODED):
            yield text, False
