"""The kind of a frame's column in a row of JSON: float, int, bool, string, or one of kinds/.

For all other columns it says what to write instead.
"""

import datetime
from typing import TYPE_CHECKING, Any

import numpy as np

from delivery.errors import DeliveryError, first_line
from delivery.inputs.kinds.registry import kind_of_dtype, kind_of_object

if TYPE_CHECKING:
    import pandas as pd

NAME_LENGTH = 200


def kind_of(name: str, series: "pd.Series") -> str:
    """The kind as in the manifest; raises DeliveryError that says what to write instead."""
    import pandas as pd
    from pandas.api import types

    dtype = series.dtype
    if isinstance(dtype, pd.CategoricalDtype):
        return kind_of(name, series.cat.categories.to_series())

    if isinstance(dtype, pd.SparseDtype):
        dtype = dtype.subtype

    if kind := kind_of_dtype(dtype):
        return kind

    if types.is_bool_dtype(dtype):
        return "bool"
    if types.is_integer_dtype(dtype):
        return "int"
    if types.is_float_dtype(dtype):
        return "float"

    return _kind_of_values(name, series)


def unsendable(frame: "pd.DataFrame") -> dict[Any, DeliveryError]:
    """The columns of which a row of JSON has no form, each with its error."""
    errors: dict[Any, DeliveryError] = {}
    for name in frame.columns:
        try:
            if frame[name].notna().any():
                kind_of(str(name), frame[name])
        except DeliveryError as error:
            errors[name] = error
        except Exception as error:  # noqa: BLE001 (a value may raise anything when it is looked at)
            errors[name] = DeliveryError(
                f"column {_shown(str(name))} holds a value that cannot even be compared "
                f"({first_line(error)}): make the column numbers or texts before fit"
            )

    return errors


def _kind_of_values(name: str, series: "pd.Series") -> str:
    """The kind of a column of objects, as a database driver leaves it, by its values."""
    # No row can hold the values of a dtype that pandas cannot list, such as pyarrow's structures.
    try:
        present = series.dropna().tolist()
    except Exception:  # noqa: BLE001 (as above)
        present = []

    kinds = set(map(_kind_of_value, present))
    if len(kinds) == 1 and (kind := kinds.pop()):
        return kind

    if kinds == {"int", "float"}:
        return "float"

    raise DeliveryError(_instead(_shown(name), series, present))


def _kind_of_value(value: Any) -> str:
    if isinstance(value, str):
        return "string"
    if isinstance(value, bool | np.bool_):
        return "bool"
    if isinstance(value, int | np.integer):
        return "int"

    if isinstance(value, float | np.floating):
        return "float"

    return kind_of_object(value)


def _instead(name: str, series: "pd.Series", present: list[Any]) -> str:
    column, frame = f"column {name}", f"frame[{name}]"
    if not present:
        return (
            f"{column} holds no value but null ({series.dtype}): give it a dtype, "
            f"{frame}.astype(float), or leave it out"
        )

    odd = next((value for value in present if not _kind_of_value(value)), None)
    if odd is None:
        kinds = ", ".join(sorted({type(value).__name__ for value in present}))
        return (
            f"{column} holds values of several kinds ({kinds}), and a row sent as JSON has one "
            f"kind a column: make them one in both frames and before fit, such as "
            f"{frame}.astype(str)"
        )

    return (
        f"{column} holds {type(odd).__name__} ({series.dtype}), of which a row sent as JSON has no "
        f"form: {_remedy(frame, odd)}"
    )


def _remedy(frame: str, odd: Any) -> str:
    """How to write values of that kind so that a row can hold them."""
    import pandas as pd

    if isinstance(odd, datetime.timedelta | np.timedelta64):
        return f"make the column durations before fit, pd.to_timedelta({frame})"

    if isinstance(odd, datetime.datetime | np.datetime64):
        return (
            f"make the column datetimes before fit, pd.to_datetime({frame}), with utc=True where "
            f"they have zones"
        )

    if isinstance(odd, datetime.time):
        return (
            f"give times without a zone and of at most microseconds before fit, "
            f"{frame}.map(lambda time: time.replace(tzinfo=None))"
        )

    if isinstance(odd, pd.Period):
        return f"give the column one frequency before fit, {frame}.astype('period[D]')"

    if isinstance(odd, pd.Interval):
        return f"give the intervals as text before fit, {frame}.astype(str)"

    if isinstance(odd, complex | np.complexfloating):
        return "give its real and its imaginary part as two columns of floats before fit"

    if isinstance(odd, bytearray | memoryview):
        return f"make it bytes before fit, {frame}.map(bytes)"

    if isinstance(odd, list | tuple | set | frozenset | dict | np.ndarray):
        return (
            f"give lists or arrays of numbers, booleans or texts, all inner ones of one length; or "
            f"one text that a step of the pipeline takes apart, {frame}.map(json.dumps)"
        )

    return f"make it numbers or texts before fit, such as {frame}.astype(str)"


def _shown(name: str) -> str:
    if len(name) > NAME_LENGTH:
        name = name[:NAME_LENGTH] + "…"

    return repr(name)
