"""Lists of numbers, booleans or texts: vectors, and images as lists of lists.

All have the shape of training. A length that varied there may be anything up to the longest.
"""

from collections.abc import Sequence
from typing import Annotated, Any

import msgspec
import numpy as np

from service.bundle import ValueForm
from service.columns.kind import BadValue, objects_of
from service.columns.plain import array_dtype, json_type

MOST_DIMENSIONS = 4


class Arrays:
    """Arrays of one shape, held as one numpy array [rows, *shape].

    Where a length varies or an array may be null: as objects, an array each, None for null.
    """

    def __init__(self, form: ValueForm, nullable: bool) -> None:
        self.json_type = _json_type(form)
        self.dtype = array_dtype(form.items, form.item_dtype, nullable=False)
        self.to_send = f"a list of {_in_words(form)}"
        self.shape = form.shape
        self._varies = nullable or None in form.shape
        self.lengths = [length for length in form.shape if length is not None]

    def array(self, values: Sequence[Any]) -> np.ndarray:
        """See ColumnKind."""
        if self._varies:
            return objects_of(values, self.one)

        try:
            made = np.array(values, dtype=self.dtype)
        except (ValueError, OverflowError):
            return np.array(list(map(self.one, values)))

        # Without rows numpy does not know the lengths.
        return made.reshape(len(values), *self.lengths)

    def one(self, value: list[Any]) -> np.ndarray:
        """One array; raises BadValue where its lists have different lengths."""
        try:
            made = np.array(value, dtype=self.dtype)
        except OverflowError:
            raise BadValue(f"a number is beyond 64 bits: send {self.to_send}") from None
        except ValueError:
            raise BadValue(f"its lists have different lengths: send {self.to_send}") from None

        if made.ndim == len(self.shape):
            return made

        # Without inner lists numpy does not know their lengths.
        return made.reshape(0, *(length or 0 for length in self.shape[1:]))


def _json_type(form: ValueForm) -> Any:
    """Lists of lists with the lengths of the shape, the innermost of items."""
    kind = json_type(form.items, form.item_dtype)
    if form.nullable_items:
        kind = kind | None

    for length in reversed(form.shape):
        kind = Annotated[_list_of(kind), _lengths(length, form.longest)]

    return kind


def _list_of(kind: Any) -> Any:
    return list.__class_getitem__(kind)


def _lengths(length: int | None, longest: int) -> msgspec.Meta:
    if length is None:
        return msgspec.Meta(max_length=longest)

    return msgspec.Meta(min_length=length, max_length=length)


def _in_words(form: ValueForm) -> str:
    """`8 lists of 8 numbers`."""
    *outer, last = form.shape
    nouns = {"float": "numbers", "int": "whole numbers", "bool": "booleans", "string": "texts"}
    words = f"{_length(last, form.longest)} {nouns[form.items]}"
    for length in reversed(outer):
        words = f"{_length(length, form.longest)} lists of {words}"

    return words


def _length(length: int | None, longest: int) -> str:
    if length is None:
        return f"up to {longest}"

    return str(length)
