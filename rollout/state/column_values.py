"""What a column takes beyond its dtype: which values of today's requests tomorrow's version refuses
and which more it takes.

The forms are those of release.yaml: a column's `form`, and of whole numbers the dtype of its
`frame`."""

from collections.abc import Iterator, Mapping
from typing import Any

Form = Mapping[str, Any]
Change = tuple[bool, str]
"""Whether it breaks today's requests, and what it is, in words."""

TEXTS = ("datetime", "date", "time", "duration", "period", "bytes")
UNITS = ("s", "ms", "us", "ns")
# The digits of the largest whole number, and before the point of a decimal without a form.
WHOLE_DIGITS, ANY_DIGITS = 19, 76
_WIDTHS = (8, 16, 32, 64)
_RANGES = {f"int{bits}": (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) for bits in _WIDTHS}
_RANGES |= {f"uint{bits}": (0, 2**bits - 1) for bits in _WIDTHS}


def dtype_changes(today: str, tomorrow: str, form: Form) -> Change:
    """What another dtype means. form: of the column tomorrow."""
    says = f"takes {tomorrow} where it took {today}"
    if (today, tomorrow) == ("int", "float"):
        return False, f"{says}: 1.5 is accepted too"
    if tomorrow == "string" and today in TEXTS:
        return False, f"{says}: any text is accepted"
    if (today, tomorrow) == ("date", "datetime") and _takes_days(form):
        return False, f"{says}: a time is accepted too"

    if (today, tomorrow) == ("int", "decimal") and _digits(form)[0] >= WHOLE_DIGITS:
        return False, f"{says}: 1.5 is accepted too"

    return True, f"{says}: today's values are refused"


def form_changes(dtype: str, today: Form, tomorrow: Form) -> Iterator[Change]:
    """What another form means, of a column of the same dtype."""
    if dtype in ("datetime", "duration", "time"):
        yield from _of_zone(today, tomorrow)
        yield from _of_unit(dtype, today.get("unit", "us"), tomorrow.get("unit", "us"))
    elif dtype == "decimal":
        yield from _of_digits(_digits(today), _digits(tomorrow))
    elif dtype == "period":
        yield from _of_frequency(today.get("frequency", "D"), tomorrow.get("frequency", "D"))
    elif dtype == "array":
        yield from _of_shape(today, tomorrow)
        yield from _of_items(today, tomorrow)


def width_changes(today: str, tomorrow: str) -> Iterator[Change]:
    """What another width of whole numbers means. today, tomorrow: the dtypes of the frames."""
    before, after = _range(today), _range(tomorrow)
    if after[0] > before[0] or after[1] < before[1]:
        yield True, f"holds numbers from {after[0]} to {after[1]} only: others are refused"
    elif before != after:
        yield False, f"holds numbers from {after[0]} to {after[1]} now"


def trained_on(form: Form) -> str | None:
    """The first and the last value that training saw, None where the form does not say it."""
    if form.get("earliest") is None or form.get("latest") is None:
        return None

    return f"{form['earliest']} to {form['latest']}"


def _takes_days(form: Form) -> bool:
    """Whether a datetime may be any day: without an offset, and of no nanoseconds."""
    return form.get("zone") is None and form.get("unit", "us") != "ns"


def _of_zone(today: Form, tomorrow: Form) -> Iterator[Change]:
    before, after = today.get("zone"), tomorrow.get("zone")
    if before is None and after is not None:
        yield True, "needs an offset from UTC now: datetimes without one are refused"
    if before is not None and after is None:
        yield True, "takes no offset from UTC any more: datetimes with one are refused"


def _of_unit(dtype: str, today: str, tomorrow: str) -> Iterator[Change]:
    if today == tomorrow:
        return

    if UNITS.index(tomorrow) < UNITS.index(today):
        yield True, f"holds {tomorrow} where it held {today}: finer values are refused"
    elif tomorrow == "ns" and dtype != "time":
        yield True, "holds ns now: what is more than 292 years from 1970, or as long, is refused"
    else:
        yield False, f"holds {tomorrow} where it held {today}: finer values are accepted"


def _of_digits(today: tuple[int, int], tomorrow: tuple[int, int]) -> Iterator[Change]:
    says = f"holds {tomorrow[0]} digits before the point and {tomorrow[1]} behind it"
    if tomorrow[0] < today[0] or tomorrow[1] < today[1]:
        yield True, f"{says}: decimals with more are refused"
    elif today != tomorrow:
        yield False, f"{says}, before {today[0]} and {today[1]}"


def _of_frequency(today: str, tomorrow: str) -> Iterator[Change]:
    if today != tomorrow:
        yield True, f"takes periods of {tomorrow} where it took {today}"


def _of_shape(today: Form, tomorrow: Form) -> Iterator[Change]:
    before, after = list(today.get("shape", ())), list(tomorrow.get("shape", ()))
    if before == after and today.get("longest") == tomorrow.get("longest"):
        return

    if len(before) == len(after) and all(map(_holds, _bounds(today), _bounds(tomorrow))):
        yield False, f"takes arrays of {_shape(tomorrow)}, before of {_shape(today)} only"
    else:
        yield True, f"takes arrays of {_shape(tomorrow)}, before of {_shape(today)}"


def _bounds(form: Form) -> Iterator[tuple[int, int]]:
    """The smallest and the largest length of each dimension."""
    for length in form.get("shape", ()):
        if length is None:
            yield 0, int(form.get("longest", 0))
        else:
            yield length, length


def _holds(before: tuple[int, int], after: tuple[int, int]) -> bool:
    """Whether a dimension takes every length that it took."""
    return after[0] <= before[0] and before[1] <= after[1]


def _shape(form: Form) -> str:
    """`8 x up to 20`."""
    longest = form.get("longest", 0)
    lengths = []
    for length in form.get("shape", ()):
        lengths.append(f"up to {longest}" if length is None else str(length))

    return " x ".join(lengths)


def _of_items(today: Form, tomorrow: Form) -> Iterator[Change]:
    before, after = str(today.get("items", "float")), str(tomorrow.get("items", "float"))
    if (before, after) == ("int", "float"):
        yield False, "takes arrays of float where it took int"
    elif before != after:
        yield True, f"takes arrays of {after} where it took {before}"
    elif before == "int":
        yield from width_changes(_item_dtype(today), _item_dtype(tomorrow))

    if today.get("nullable_items") and not tomorrow.get("nullable_items"):
        yield True, "takes no null in its arrays any more"
    if tomorrow.get("nullable_items") and not today.get("nullable_items"):
        yield False, "may have null in its arrays now"


def _item_dtype(form: Form) -> str:
    return str(form.get("item_dtype", "int64"))


def _digits(form: Form) -> tuple[int, int]:
    """Digits before and behind the point."""
    digits, scale = form.get("digits"), form.get("scale")
    if digits is None or scale is None:
        return ANY_DIGITS, ANY_DIGITS

    return int(digits) - int(scale), int(scale)


def _range(dtype: str) -> tuple[int, int]:
    """The whole numbers that a frame's dtype holds, with pandas' and pyarrow's names of it."""
    return _RANGES.get(dtype.partition("[")[0].lower(), _RANGES["int64"])
