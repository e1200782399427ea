"""The list of revisions: a line each, whatever the reasons say."""

from datetime import UTC, datetime

from cli.render.history import _line
from store.entry import Entry


def test_a_reason_makes_no_line_of_its_own() -> None:
    at = datetime(2026, 5, 1, 12, tzinfo=UTC)
    entry = Entry("flights", 5, {}, "pause", "ann", "slow\nr6  promote\x1b[2J", at, "", "")
    assert _line(entry, "v2") == (
        r'r5    2026-05-01 12:00:00  pause            v2           ann  "slow\nr6  promote\x1b[2J"'
    )
