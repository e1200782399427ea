"""A cell of a table as a row of JSON has it, by the dtype that the versions give its column."""

import base64
import json
from typing import Any

# pandas reads these from a CSV by their looks; all others are read as text.
READ_BY_LOOKS = ("float", "int", "bool")


def json_cell(value: Any, dtype: str) -> Any:
    """The cell's value in JSON; None for null.

    pandas turns whole numbers beside nulls into floats: 3.0 is 3 in a column of whole numbers. What
    has a form of ISO 8601 (datetimes, days, times, durations) is written so, bytes are base64.
    """
    if dtype == "array":
        return _list(value)

    if value is None or type(value).__name__ == "NAType" or value != value:
        return None
    if dtype == "int" and isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, (bool, int, float, str)):
        return value

    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if hasattr(value, "isoformat"):
        return value.isoformat()
    return str(value)


def _list(value: Any) -> Any:
    """An array as lists; in a CSV it is a text of JSON."""
    if isinstance(value, str):
        return _parsed(value)

    if hasattr(value, "tolist"):
        value = value.tolist()

    if isinstance(value, list | tuple):
        return list(map(_list, value))

    return None if value != value else value


def _parsed(text: str) -> Any:
    """The lists of a text; the text itself, which the version refuses, where it is none."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text
