"""A task has so much time and memory, and what it cannot do in them it is said to exceed."""

import os
import time
from multiprocessing import active_children

import pytest

from delivery.onnx.limited_process import LimitExceeded, ProcessLimits, run_limited
from tests.process_tree import has_ended
from tests.until import until

ENOUGH = ProcessLimits(seconds=60, megabytes=512)


def never_ends():
    """A conversion that takes for ever."""
    while True:
        time.sleep(60)


def allocates(megabytes):
    """Take memory, and use it."""
    taken = []
    for _ in range(megabytes):
        taken.append(b"x" * 2**20)

    return len(taken)


def test_the_result_comes_back():
    assert run_limited(lambda: {"bytes": b"\xff" * 100_000}, ENOUGH) == {"bytes": b"\xff" * 100_000}


def test_what_a_task_raises_is_raised_here():
    def fails():
        raise KeyError("no converter")

    with pytest.raises(KeyError, match="no converter"):
        run_limited(fails, ENOUGH)


def test_an_error_that_does_not_pickle_is_raised_as_its_text():
    class Unusual(Exception):
        pass

    def fails():
        raise Unusual("of its own kind")

    with pytest.raises(RuntimeError, match="Unusual: of its own kind"):
        run_limited(fails, ENOUGH)


def test_a_task_that_takes_too_long_ends_with_its_process():
    waited = []
    with pytest.raises(LimitExceeded, match=r"it takes longer than 0\.2 s"):
        run_limited(never_ends, ProcessLimits(0.2, 512), waited.append)

    assert active_children() == []
    assert waited


def test_a_task_that_takes_too_much_memory_is_refused_and_this_process_keeps_its_own():
    with pytest.raises(LimitExceeded, match="it takes more than 64 MB"):
        run_limited(lambda: allocates(4096), ProcessLimits(60, 64))

    assert run_limited(lambda: allocates(32), ProcessLimits(60, 512)) == 32


def test_a_task_whose_process_dies_is_refused():
    with pytest.raises(LimitExceeded, match="its process died"):
        run_limited(lambda: os._exit(3), ENOUGH)


def test_the_child_ends_with_its_parent():
    """Killed, a delivery leaves no conversion behind."""
    reader, writer = os.pipe()
    middle = os.fork()
    if middle == 0:

        def tells_its_number():
            os.write(writer, str(os.getpid()).encode())
            never_ends()

        try:
            run_limited(tells_its_number, ENOUGH)
        finally:
            os._exit(0)

    child = int(os.read(reader, 20))
    os.kill(middle, 9)
    os.waitpid(middle, 0)
    until(lambda: has_ended(child), "the child of a killed process ends")
