"""Which requests are in the sample: by their time alone, and bounded."""

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from router.drift.drift_sample import LARGEST_ROW, MOST_BYTES, MOST_OF_REQUEST, DriftSample
from tests.rollout.ledger_commands import STARTED, ledger_after
from tests.router.fakes import DispatcherHarness

RATE = 100.0
CANARY = ledger_after("canary v2 --auto --steps 50", ledger=STARTED)


class Clock:
    """A clock that is set by hand."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


def raws(count: int, size: int = 1) -> list[msgspec.Raw]:
    """So many rows."""
    return [msgspec.Raw(b"1" * size) for _ in range(count)]


@settings(deadline=None, max_examples=30)
@given(st.lists(st.tuples(st.floats(0, 0.1), st.integers(1, 40)), min_size=50, max_size=200))
def test_no_more_rows_are_taken_than_the_rate_allows(requests: list[tuple[float, int]]) -> None:
    clock = Clock()
    sample, taken = DriftSample(RATE, clock), 0
    for pause, rows in requests:
        clock.now += pause
        sample.take(raws(rows), "v1", 0, 0)
        drained, _ = sample.drain()
        taken += len(drained)
        assert len(drained) <= MOST_OF_REQUEST

    assert taken <= RATE * (clock.now + 0.25) + MOST_OF_REQUEST


def test_at_a_low_rate_every_request_is_taken() -> None:
    clock = Clock()
    sample = DriftSample(RATE, clock)
    for _ in range(50):
        clock.now += 0.02
        assert sample.take(raws(1), "v1", 0, 0) is not None


def test_one_row_of_a_request_is_drawn_however_many_it_has() -> None:
    sample = DriftSample(RATE, Clock())
    sample.take(raws(1_000), "v2", 7, 500)
    rows, _ = sample.drain()
    assert len(rows) <= MOST_OF_REQUEST
    assert [row.rollout for row in rows if row.rollout] == [7]


def test_what_is_kept_is_bounded_while_nobody_counts() -> None:
    clock = Clock()
    sample = DriftSample(RATE, clock)
    for _ in range(2_000):
        clock.now += 1.0
        taken = sample.take(raws(1), "v1", 0, 0)
        sample.answered("v1", raws(1), taken or ())

    rows, answers = sample.drain()
    assert (len(rows), len(answers)) == (2 * RATE, 2 * RATE)
    sample.take(raws(1, LARGEST_ROW + 1), "v1", 0, 0)
    assert sample.drain() == ([], [])


def test_the_bytes_that_wait_are_bounded() -> None:
    clock = Clock()
    sample = DriftSample(2_000.0, clock)
    for _ in range(2_000):
        clock.now += 1.0
        sample.take(raws(1, LARGEST_ROW), "v1", 0, 0)

    rows, _ = sample.drain()
    assert len(rows) == MOST_BYTES // LARGEST_ROW
    sample.take(raws(1), "v1", 0, 0)
    assert len(sample.drain()[0]) == 1


def test_at_a_rate_of_zero_nothing_is_taken() -> None:
    assert DriftSample(0.0, Clock()).take(raws(1), "v1", 0, 0) is None


def test_a_unit_bets_once_and_pinned_requests_are_not_sampled(tmp_path) -> None:
    harness = DispatcherHarness(CANARY, units=tmp_path)
    harness.traffic.drift = DriftSample(1_000.0, Clock())
    for unit in (b"ann", b"ann", b"bob"):
        harness.ask(unit)

    harness.ask(b"eve", pin="v2")
    rows, _ = harness.traffic.drift.drain()
    assert len(rows) == 3
    first = [(row.rollout, row.weight) for row in rows if row.rollout]
    assert CANARY.rollout is not None
    assert first == [(CANARY.rollout.number, 5_000)] * 2


def test_the_answer_is_kept_with_the_version_that_was_drawn() -> None:
    harness = DispatcherHarness(STARTED)
    harness.traffic.drift = DriftSample(1_000.0, Clock())
    harness.ask(rows=(4, 5))
    harness.versions["v1"].answer()
    harness.loop.run()
    _, answers = harness.traffic.drift.drain()
    assert answers == [("v1", b"4"), ("v1", b"5")]
