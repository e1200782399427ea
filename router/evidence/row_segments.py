"""The segments that a row belongs to."""

from collections.abc import Sequence

import msgspec

from rollout.state.segments import SegmentColumn

_members = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_NULL = msgspec.Raw(b"null")


def segments_of_row(row: msgspec.Raw, columns: Sequence[SegmentColumn]) -> list[str]:
    """One segment of each column; none at all where the row cannot be read.

    So the segments of each column add up to the same number of rows."""
    if not columns:
        return []

    try:
        members = _members(row)
        return [
            column.name_of(msgspec.json.decode(members.get(column.column, _NULL)))
            for column in columns
        ]
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return []
