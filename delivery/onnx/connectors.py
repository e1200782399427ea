"""Steps that stand between those of a pipeline: what scikit-learn does with the columns itself.

Their converters are in converters/connectors/.
"""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Concatenate:
    """Several values become one matrix, as numpy joins them."""


@dataclass(frozen=True)
class ToFloat32:
    """Numbers become numbers of 32 bits, for a converter that knows no others."""


@dataclass(frozen=True)
class SelectColumns:
    """Some columns of a matrix, by their numbers."""

    columns: tuple[int, ...]


@dataclass(frozen=True)
class MultiplyByWeight:
    """All values times a weight."""

    weight: float


@dataclass(frozen=True, eq=False)
class Transformation:
    """What a fitted classifier's `transform` gives to the next step.

    model: the classifier.
    """

    model: Any


@dataclass(frozen=True)
class NullTexts:
    """A column of texts and a mask become one column, in which a text stands for null.

    text: the bytes of it, which no request's text can have.
    """

    text: bytes
