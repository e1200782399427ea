"""The interface of a kind of column."""

from collections.abc import Callable, Sequence
from typing import Any, Protocol

import numpy as np

LONGEST_SHOWN = 40


class BadValue(ValueError):
    """A value that a column does not hold; the message says what to send."""


class ColumnKind(Protocol):
    """How the values of one column travel and are held.

    json_type: what msgspec decodes a value to. to_send: what to send, in words; empty where
    msgspec's own sentence says it.
    """

    json_type: Any
    to_send: str

    def array(self, values: Sequence[Any]) -> np.ndarray:
        """The decoded values as an array, one a row; None is null.

        Raises BadValue for the first that the column does not hold.
        """


def objects_of(values: Sequence[Any], parse: Callable[[Any], Any]) -> np.ndarray:
    """An array of objects of the parsed values, None for null."""
    objects = np.empty(len(values), dtype=object)
    for row, value in enumerate(values):
        if value is not None:
            objects[row] = parse(value)

    return objects


def counts_of(values: Sequence[Any], parse: Callable[[Any], int]) -> np.ndarray:
    """An array of int64 of the parsed values, the smallest of all (NaT) for null."""
    counts = np.full(len(values), np.iinfo(np.int64).min, dtype=np.int64)
    for row, value in enumerate(values):
        if value is not None:
            counts[row] = parse(value)

    return counts


def shown(text: str) -> str:
    """A caller's text for a message."""
    if len(text) > LONGEST_SHOWN:
        text = f"{text[:LONGEST_SHOWN]}..."

    return f'"{text}"'
