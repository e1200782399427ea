"""A kind of column, as delivery meets it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from service.bundle import FrameColumn, ValueForm

if TYPE_CHECKING:
    import pandas as pd

Probed = tuple[Any, bool]
"""A value of JSON, and whether it is far beyond those of training."""


@dataclass(frozen=True)
class SeenColumn:
    """A column of the user's frames. series: in the held-out rows, and in the training rows.

    frame: how the pipeline's own frame holds it.
    """

    name: str
    frame: FrameColumn
    series: "tuple[pd.Series, pd.Series]"

    def present(self) -> list[Any]:
        """All values that are not null."""
        values: list[Any] = []
        for series in self.series:
            values += series.dropna().tolist()

        return values


@dataclass(frozen=True)
class ProbedColumn:
    """A column that is probed. values: some of training, as JSON has them."""

    form: ValueForm
    values: Sequence[Any]


class FrameKind:
    """A kind of column. name: as in the manifest.

    value_types: Python's types of its values in a column of objects.
    """

    name: str
    value_types: tuple[type, ...] = ()

    def has_dtype(self, dtype: Any) -> bool:
        """Whether a column of that dtype is of this kind, whatever it holds."""
        raise NotImplementedError

    def has_value(self, value: Any) -> bool:
        """Whether a column of objects that holds such values alone is of this kind."""
        return isinstance(value, self.value_types)

    def form(self, column: SeenColumn) -> tuple[FrameColumn, ValueForm]:
        """How the pipeline's own frame holds the column, and what its values look like.

        Raises DeliveryError.
        """
        raise NotImplementedError

    def probes(self, column: ProbedColumn) -> Iterator[Probed]:
        """Values at the edges of the kind."""
        raise NotImplementedError


def arrow_dtype(dtype: Any) -> Any:
    """pyarrow's type of a dtype, None where pyarrow does not hold it."""
    return getattr(dtype, "pyarrow_dtype", None)
