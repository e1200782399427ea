"""The datatypes of tensors: what each can hold, and the Python values that its numbers mean."""

import struct
from collections.abc import Callable, Sequence
from typing import Any

from wire.oip.errors import OipError

# The smallest and the largest value of a datatype.
WHOLE = {
    "INT8": (-(2**7), 2**7 - 1),
    "INT16": (-(2**15), 2**15 - 1),
    "INT32": (-(2**31), 2**31 - 1),
    "INT64": (-(2**63), 2**63 - 1),
    "UINT8": (0, 2**8 - 1),
    "UINT16": (0, 2**16 - 1),
    "UINT32": (0, 2**32 - 1),
    "UINT64": (0, 2**64 - 1),
}
REAL = {
    "FP16": (-65_504.0, 65_504.0),
    "BF16": (-3.3895314e38, 3.3895314e38),
    "FP32": (-3.4028235e38, 3.4028235e38),
    "FP64": (float("-inf"), float("inf")),
}
ACCEPTED = {
    "float": {*REAL, *WHOLE},
    "int": {*WHOLE},
    "bool": {"BOOL"},
    "string": {"BYTES"},
}
"""The datatypes that a column takes, by its kind."""
_RANGES: dict[str, tuple[float, float]] = {**WHOLE, **REAL}
_NOTHING = type(None)
_TYPES: dict[str, frozenset[type]] = {
    **dict.fromkeys(_RANGES, frozenset({int, float, _NOTHING})),
    "BOOL": frozenset({bool, _NOTHING}),
    "BYTES": frozenset({str, _NOTHING}),
}
# The standard library's names of the formats whose values are rounded.
_ROUNDED = {"FP16": "e", "FP32": "f"}
_JSON_NAMES = {
    bool: "bool",
    int: "int",
    float: "float",
    str: "str",
    list: "array",
    dict: "object",
}


def require_known(name: str, datatype: str) -> None:
    """Raise OipError for a datatype that the protocol does not have."""
    if datatype not in _TYPES:
        raise OipError(
            f"input {name!r}: datatype {datatype} does not fit: it is none of "
            f"{', '.join(sorted(_TYPES))}"
        )


def values_in(name: str, datatype: str, values: list[Any]) -> list[Any]:
    """The values of a tensor's JSON data, as its datatype means them.

    FP16 and FP32 are rounded to what they hold. Raises OipError naming the row at fault."""
    types = set(map(type, values))
    if not types <= _TYPES[datatype]:
        raise _of_another_type(name, datatype, values)

    if datatype in _RANGES:
        _require_in_range(name, datatype, values, types)

    if datatype in REAL and types != {float}:
        values = _as_floats(name, datatype, values)

    if datatype in _ROUNDED:
        return _rounded(_ROUNDED[datatype], values, _NOTHING in types)
    return values


def _require_in_range(name: str, datatype: str, values: Sequence[Any], types: set[type]) -> None:
    whole = datatype in WHOLE
    if whole and float in types:
        _require_each(name, values, _is_whole, "Expected `int`, got `float`")

    numbers = values
    if _NOTHING in types:
        numbers = [value for value in values if value is not None]

    low, high = _RANGES[datatype]
    if numbers and not (low <= min(numbers) and max(numbers) <= high):
        outside = f"the value is outside of {datatype}"
        _require_each(name, values, lambda value: value is None or low <= value <= high, outside)


def _as_floats(name: str, datatype: str, values: Sequence[Any]) -> list[float | None]:
    floats: list[float | None] = []
    for row, value in enumerate(values):
        try:
            floats.append(None if value is None else float(value))
        except OverflowError as error:
            raise OipError(
                f"row {row}, input {name!r}: the value is outside of {datatype}"
            ) from error

    return floats


def _is_whole(value: Any) -> bool:
    return type(value) is not float or value.is_integer()


def _require_each(
    name: str, values: Sequence[Any], fits: Callable[[Any], bool], otherwise: str
) -> None:
    """Raise OipError for the first value that does not fit."""
    for row, value in enumerate(values):
        if not fits(value):
            raise OipError(f"row {row}, input {name!r}: {otherwise}")


def _rounded(code: str, values: list[Any], with_nulls: bool) -> list[Any]:
    numbers = values
    if with_nulls:
        numbers = [0.0 if value is None else value for value in values]

    layout = f"<{len(numbers)}{code}"
    rounded: list[Any] = list(struct.unpack(layout, struct.pack(layout, *numbers)))
    if not with_nulls:
        return rounded

    pairs = zip(values, rounded, strict=True)
    return [None if value is None else number for value, number in pairs]


def _of_another_type(name: str, datatype: str, values: list[Any]) -> OipError:
    """The error for the first value that this datatype never has."""
    expected = "int" if datatype in WHOLE else "float"
    expected = {"BOOL": "bool", "BYTES": "str"}.get(datatype, expected)
    allowed = _TYPES[datatype]
    row = next(row for row, value in enumerate(values) if type(value) not in allowed)
    got = _JSON_NAMES[type(values[row])]
    return OipError(f"row {row}, input {name!r}: Expected `{expected}`, got `{got}`")
