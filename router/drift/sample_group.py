"""Rows of a sample that one version counts together, as it is handed them."""

from dataclasses import dataclass, field

import msgspec

DEEP = 200
"""Levels that a version may have less room for than this worker, whose decoders it shares."""
_RAW = msgspec.json.Decoder(msgspec.Raw)


@dataclass
class SampleGroup:
    """Rows that one version counts together. drawn: for which version.

    is_own: they count in the distributions of who counts. rollout, weight: of first rows.
    """

    drawn: str
    is_own: bool
    rollout: int = 0
    weight: int = 0
    rows: list[bytes] = field(default_factory=list)
    answers: list[bytes] = field(default_factory=list)

    def add(self, row: bytes) -> None:
        """Add a row as it was sent."""
        self.rows.append(_readable(row))

    @property
    def body(self) -> bytes:
        """The group as JSON."""
        rows, answers = b",".join(self.rows), b",".join(self.answers)
        return b'{"instances":[%b],"answers":[%b]}' % (rows, answers)


def _readable(row: bytes) -> bytes:
    """The row, or null in place of one that is nested so deeply that the version might not read
    its group: it is counted as refused, as the version would.
    """
    if row.count(b"[") + row.count(b"{") < DEEP:
        return row

    try:
        _RAW.decode(b"%b%b%b" % (b"[" * DEEP, row, b"]" * DEEP))
    except RecursionError:
        return b"null"

    return row
