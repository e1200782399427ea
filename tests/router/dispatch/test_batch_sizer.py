"""The pace of a version: batches as large as it can take, a queue no longer than it can answer in
time.
"""

from rollout.settings import Limits
from router.dispatch.batch_sizer import FIRST_BATCH_ROWS, BatchSizer

LIMITS = Limits(
    max_batch_rows=512, max_queue_rows=8_192, max_queue_ms=500, version_timeout_ms=4_000
)


def paced(rows_s, batches=20, limits=LIMITS):
    """The pace after full batches of a version of that speed, one at a time."""
    pace = BatchSizer(limits)
    for _ in range(batches):
        pace.note(pace.batch_rows, pace.batch_rows, pace.batch_rows / rows_s)
    return pace


def test_batches_of_a_fast_version_grow_to_the_largest():
    assert BatchSizer(LIMITS).batch_rows == FIRST_BATCH_ROWS
    assert paced(100_000, batches=3).batch_rows == 512


def test_a_batch_of_a_slow_version_takes_a_quarter_of_its_time_out():
    assert 90 <= paced(100).batch_rows <= 110


def test_batches_that_time_out_become_small():
    pace = paced(100_000)
    for _ in range(3):
        pace.note(pace.batch_rows, pace.batch_rows, 4.0)
    assert pace.batch_rows == 8


def test_what_may_wait_is_what_is_answered_in_time():
    assert 4_900 <= paced(10_000).waiting_rows <= 5_100
    assert paced(1_000_000).waiting_rows == LIMITS.max_queue_rows


def test_the_largest_batch_may_always_wait_before_a_version_that_has_shown_no_slowness():
    assert paced(1_000, batches=1).waiting_rows == 512


def test_a_full_batch_may_wait_before_a_slow_version():
    pace = paced(10)
    assert 1 <= pace.batch_rows <= pace.waiting_rows <= 20


def test_several_batches_at_once_count_together():
    one, two = BatchSizer(LIMITS), BatchSizer(LIMITS)
    one.note(64, 64, 0.01)
    two.note(64, 128, 0.02)
    assert one.row_s == two.row_s


def test_small_batches_say_nothing_against_a_version():
    pace = paced(10_000)
    before = pace.row_s
    pace.note(1, 1, 0.01)
    assert pace.row_s == before


def test_small_batches_that_are_quick_end_a_bad_reputation():
    pace = paced(100)
    for _ in range(20):
        pace.note(10, 10, 0.001)
    assert pace.row_s < 0.0002
