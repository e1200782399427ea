"""Small calls with labels do not wait behind large ones, and what waits is bounded by labels."""

import asyncio
import threading
from contextlib import ExitStack

import pytest

from router.endpoints.label_queue import (
    MOST_IN_A_ROW,
    MOST_VALUES,
    MOST_WAITING,
    SMALL_VALUES,
    LabelQueue,
)
from router.problems import Problem

SMALL, LARGE = b"0" + b",0" * (SMALL_VALUES - 1), b"0" + b",0" * SMALL_VALUES


class Calls:
    """A queue whose thread waits until told, and the order in which it worked."""

    def __init__(self):
        self.queue, self.order, self.go_on = LabelQueue(), [], threading.Event()
        self.begun = threading.Event()

    def work(self, name):
        self.begun.set()
        assert self.go_on.wait(10)
        self.order.append(name)

    async def call(self, name, small, parts=1):
        for _ in range(parts):
            await self.queue.run(lambda: self.work(name), small)

    async def holding(self):
        """A call of one part that the thread has begun, and that holds it."""
        held = asyncio.create_task(self.call("first", small=False))
        while not self.begun.is_set():
            await asyncio.sleep(0)
        return held

    def begin(self, name, small, parts=1):
        return asyncio.create_task(self.call(name, small, parts))


def test_a_small_call_is_read_before_the_parts_of_large_ones_which_take_turns():
    async def play():
        calls = Calls()
        held = await calls.holding()
        large = [calls.begin(name, small=False, parts=3) for name in "ab"]
        await asyncio.sleep(0)
        small = calls.begin("small", small=True)
        await asyncio.sleep(0)
        calls.go_on.set()
        await asyncio.gather(held, small, *large)
        return calls.order

    assert asyncio.run(play()) == ["first", "small", "a", "b", "a", "b", "a", "b"]


def test_a_large_call_has_its_turn_among_any_number_of_small_ones():
    async def play():
        calls = Calls()
        tasks = [await calls.holding(), calls.begin("large", small=False)]
        tasks += [calls.begin("small", small=True) for _ in range(3 * MOST_IN_A_ROW)]
        await asyncio.sleep(0)
        calls.go_on.set()
        await asyncio.gather(*tasks)
        return calls.order

    assert asyncio.run(play()).index("large") == 1 + MOST_IN_A_ROW


def test_a_failure_is_the_calls_own_and_who_has_gone_is_not_read():
    async def play():
        calls = Calls()
        held = await calls.holding()
        gone = calls.begin("gone", small=True)
        failing = asyncio.create_task(calls.queue.run(lambda: 1 // 0, small=True))
        after = calls.begin("after", small=True)
        await asyncio.sleep(0)
        gone.cancel()
        calls.go_on.set()
        with pytest.raises(ZeroDivisionError):
            await failing
        await asyncio.gather(held, after)
        return calls.order

    assert asyncio.run(play()) == ["first", "after"]


def test_what_waits_is_bounded_by_labels_and_small_calls_find_room_where_large_ones_do_not():
    queue = LabelQueue()
    largest = b"0" + b",0" * (5 * MOST_VALUES)
    with queue.reserve(SMALL) as small, queue.reserve(LARGE) as other:
        assert (small, other) == (True, False)

    assert queue.waiting == 0
    with ExitStack() as held:
        for _ in range((MOST_WAITING - MOST_WAITING // 4) // MOST_VALUES):
            assert queue.takes_largest
            held.enter_context(queue.reserve(largest))
        assert not queue.takes_largest
        with pytest.raises(Problem) as refused, queue.reserve(largest):
            pass
        assert (refused.value.status, refused.value.retry_after_s) == (503, 1)
        for _ in range(50):
            held.enter_context(queue.reserve(SMALL))

    assert queue.waiting == 0
