"""refused.jsonl: a row of every bad kind with what the service says of it.

A runner on any platform proves with it that it refuses what the service refuses.
"""

from typing import Any

import msgspec

from export.description import BEYOND, KINDS, ServiceRefusals
from service.bundle import Column

# Columns beyond so many add no further kind of row.
MOST_COLUMNS = 64
LONG_NAME = "n" * 400


def refused_rows(columns: list[Column], refusals: ServiceRefusals) -> list[bytes]:
    """Lines of JSON: the row, the column at fault and the detail."""
    rows = [refusals.changed("an unknown column", "1"), refusals.changed(LONG_NAME, "1")]
    rows += [value for kind, value in KINDS.items() if kind != "object"]
    for column in columns[:MOST_COLUMNS]:
        values = [*KINDS.values(), *BEYOND.get(column.dtype, ()), "1e400"]
        rows += [refusals.changed(column.name, value) for value in (None, *values)]

    lines = []
    for row in rows:
        refusal = refusals.of_row(row)
        if refusal is not None:
            rest = {"column": refusal.column, "detail": refusal.detail}
            lines.append(_line(row, rest))

    return lines


def _line(row: str, rest: dict[str, Any]) -> bytes:
    # The row as it was sent: decoded, 1e400 would be infinity, which JSON does not have.
    return b'{"row":%b,%b' % (row.encode(), msgspec.json.encode(rest)[1:])
