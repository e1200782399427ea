"""Finds a type of pyarrow's again by its name, also those with parameters, as pandas does not.

Such as decimal128(10, 2), list<item: double>, fixed_size_list<item: float>[64] and
dictionary<values=string, indices=int32, ordered=0>.
"""

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pyarrow as pa

_DECIMAL = re.compile(r"decimal(32|64|128|256)\((\d+), (-?\d+)\)")
_LIST = re.compile(r"(list|large_list)<(\w+): (.+)>")
_FIXED_LIST = re.compile(r"fixed_size_list<(\w+): (.+)>\[(\d+)\]")
_DICTIONARY = re.compile(r"dictionary<values=(.+), indices=(\w+), ordered=([01])>")
_ZONED = re.compile(r"timestamp\[(s|ms|us|ns), tz=(.+)\]")
_FIXED_BINARY = re.compile(r"fixed_size_binary\[(\d+)\]")


def arrow_type(name: str) -> "pa.DataType":
    """The type of that name; raises TypeError where there is none."""
    import pyarrow as pa

    for pattern, make in _PATTERNS:
        if match := pattern.fullmatch(name):
            return make(pa, *match.groups())

    try:
        return pa.type_for_alias(name)
    except ValueError as error:
        raise TypeError(f"pyarrow has no type {name!r}") from error


def _decimal(pa: Any, bits: str, digits: str, scale: str) -> Any:
    return getattr(pa, f"decimal{bits}")(int(digits), int(scale))


def _list(pa: Any, kind: str, item: str, of: str) -> Any:
    make = pa.large_list if kind == "large_list" else pa.list_
    return make(pa.field(item, arrow_type(of)))


def _fixed_list(pa: Any, item: str, of: str, length: str) -> Any:
    return pa.list_(pa.field(item, arrow_type(of)), int(length))


def _dictionary(pa: Any, values: str, indices: str, ordered: str) -> Any:
    return pa.dictionary(arrow_type(indices), arrow_type(values), ordered == "1")


def _zoned(pa: Any, unit: str, zone: str) -> Any:
    return pa.timestamp(unit, zone)


def _fixed_binary(pa: Any, length: str) -> Any:
    return pa.binary(int(length))


_PATTERNS: tuple[tuple[re.Pattern[str], Callable[..., Any]], ...] = (
    (_DECIMAL, _decimal),
    (_LIST, _list),
    (_FIXED_LIST, _fixed_list),
    (_DICTIONARY, _dictionary),
    (_ZONED, _zoned),
    (_FIXED_BINARY, _fixed_binary),
)
