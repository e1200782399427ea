"""90 days of dense traffic take at most about 15 MB on disk."""

import pytest

from tests.store.history.dense_history import DAYS, history_bytes


@pytest.mark.parametrize(
    ("days", "in_seconds", "most_bytes"),
    [(10, 600, 8_000_000), pytest.param(DAYS, 7_200, 15_000_000, marks=pytest.mark.soak)],
)
def test_ninety_dense_days_take_at_most_fifteen_megabytes(tmp_path, days, in_seconds, most_bytes):
    taken = history_bytes(tmp_path, days, in_seconds)
    assert taken <= most_bytes, f"{taken:,} bytes"
