"""A generator in a thread of its own: the same items, a little ahead, and nothing left behind."""

import threading
from contextlib import closing

import pytest

from batch.prefetch import prefetch
from tests.until import until


class Counted:
    """Numbers. made: how many were. closed: whether their generator was."""

    def __init__(self, error_at=None):
        self.made, self.closed, self.error_at = 0, False, error_at

    def __iter__(self):
        return self.numbers()

    def numbers(self):
        try:
            while self.made < 100:
                if self.made == self.error_at:
                    raise OSError("the disk is full")
                self.made += 1
                yield self.made
        finally:
            self.closed = True


def threads():
    return [thread for thread in threading.enumerate() if thread.name == "prefetch"]


def test_items_come_in_order_and_the_next_one_is_made_meanwhile():
    source = Counted()
    with closing(prefetch(source.numbers())) as items:
        assert next(items) == 1
        until(lambda: source.made >= 2, "the next item is made")
        assert list(items) == list(range(2, 101))
    assert threads() == []


def test_no_more_than_two_are_made_ahead():
    source = Counted()
    for taken in prefetch(source.numbers()):
        assert source.made <= taken + 2


def test_an_error_comes_after_the_items_before_it():
    taken = []
    with pytest.raises(OSError, match="the disk is full"):
        taken.extend(prefetch(Counted(error_at=3).numbers()))
    assert taken == [1, 2, 3]
    assert threads() == []


def test_closed_early_it_ends_the_generator_also_through_another_one():
    source = Counted()

    def doubled(items):
        with closing(items):
            for item in items:
                yield 2 * item

    with closing(prefetch(doubled(prefetch(source.numbers())))) as items:
        assert next(items) == 2
    assert source.closed
    assert threads() == []
