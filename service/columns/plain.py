"""Numbers, booleans and texts, as JSON itself has them."""

from collections.abc import Sequence
from typing import Annotated, Any

import msgspec
import numpy as np

from service.columns.kind import BadValue

FLOAT_LIMIT = 3.4028234e38
HALF_LIMIT = 65504.0
# Limits beyond 63 bits are not msgspec's to check.
UNSIGNED_LIMIT = 2**64
NARROW = ("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32")


class Plain:
    """Numbers, booleans or texts of one type of JSON.

    dtype: float64 for floats, with NaN for null; int64; bool; objects for texts and other nulls.
    """

    to_send = ""

    def __init__(self, kind: str, held: str, nullable: bool) -> None:
        """held: numpy's name of the numbers that the pipeline's own column holds, or empty."""
        self.json_type = json_type(kind, held)
        self.dtype = array_dtype(kind, held, nullable)

    def array(self, values: Sequence[Any]) -> np.ndarray:
        """See ColumnKind."""
        return np.array(values, dtype=self.dtype)


class UnsignedNumbers(Plain):
    """Whole numbers of 64 bits without a sign."""

    to_send = f"a whole number up to {UNSIGNED_LIMIT - 1}"

    def array(self, values: Sequence[Any]) -> np.ndarray:
        """See ColumnKind."""
        for value in values:
            if value is not None and value >= UNSIGNED_LIMIT:
                raise BadValue(f"the number is beyond 64 bits: send {self.to_send}")

        return super().array(values)


def json_type(kind: str, held: str) -> Any:
    """What msgspec takes for a value: a number that numpy's `held` can hold, a boolean, a text."""
    if kind == "float":
        limit = HALF_LIMIT if held == "float16" else FLOAT_LIMIT
        return Annotated[float, msgspec.Meta(ge=-limit, le=limit)]

    if kind == "int":
        return _whole(held)

    if kind == "bool":
        return bool

    return str


def _whole(held: str) -> Any:
    if held == "uint64":
        return Annotated[int, msgspec.Meta(ge=0)]

    if held not in NARROW:
        held = "int64"

    limits = np.iinfo(held)
    return Annotated[int, msgspec.Meta(ge=int(limits.min), le=int(limits.max))]


def array_dtype(kind: str, held: str, nullable: bool) -> Any:
    """See Plain."""
    if kind == "float":
        return np.float64

    # As floats, nullable integers beyond 2^53 would lose their last digits.
    if kind == "string" or nullable:
        return object

    if kind == "bool":
        return np.bool_

    if held == "uint64":
        return np.uint64

    return np.int64
