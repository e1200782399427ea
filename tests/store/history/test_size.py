"""90 days of dense traffic take at most about 15 MB on disk."""

from tests.store.history.dense_history import history_bytes

MOST_BYTES = 15_000_000


def test_ninety_dense_days_take_at_most_fifteen_megabytes(tmp_path):
    taken = history_bytes(tmp_path)
    assert taken <= MOST_BYTES, f"{taken:,} bytes"
