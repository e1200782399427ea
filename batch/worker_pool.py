"""Predicts units in several processes, each with a model of its own."""

import os
import signal
from collections.abc import Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context

import msgspec
import pyarrow as pa

from batch.errors import BatchError
from batch.inputs.work_units import WorkUnit
from batch.model import load
from batch.outputs.parts import PartFiles
from batch.predict_unit import UnitPredictor, UnitResult
from wire.parent_process import end_with


class WorkerSettings(msgspec.Struct, frozen=True):
    """What a process needs to predict units."""

    bundle: str
    public_key: str
    runtime: str | None
    parts: PartFiles
    keep: list[str]
    chunk_rows: int
    bad_row_data: bool


Task = tuple[WorkUnit, int, pa.Schema]
_predictor: UnitPredictor | None = None


def _begin(settings: WorkerSettings, parent: int) -> None:
    """Load the model. Ctrl-C ends the run through its first process, after the unit in hand."""
    global _predictor
    end_with(parent)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    pa.set_cpu_count(1)
    _predictor = predictor_of(settings)


def predictor_of(settings: WorkerSettings) -> UnitPredictor:
    """The predictor of this process; raises BatchError."""
    model = load(settings.bundle, settings.public_key, settings.runtime)
    return UnitPredictor(
        model, settings.parts, settings.keep, settings.chunk_rows, settings.bad_row_data
    )


def _predict(task: Task) -> UnitResult:
    assert _predictor is not None
    return _predictor.predict(*task)


def results(
    settings: WorkerSettings, tasks: Iterable[Task], processes: int
) -> Iterator[UnitResult]:
    """The units' results as they come; tasks are taken as processes are free.

    Closed early, it waits for the units in hand. Raises BatchError where a process died.
    """
    waiting = iter(tasks)
    # Not forked: a runtime's threads would not survive it.
    pool = ProcessPoolExecutor(
        processes, get_context("spawn"), initializer=_begin, initargs=(settings, os.getpid())
    )
    running: set[Future[UnitResult]] = set()
    try:
        yield from _as_completed(pool, waiting, running, processes)
    except BrokenProcessPool as error:
        raise BatchError(
            "a process died while it predicted (killed, or out of memory): the same command goes "
            "on where the run stopped; take fewer --processes if memory ran out"
        ) from error
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _as_completed(
    pool: ProcessPoolExecutor,
    waiting: Iterator[Task],
    running: set["Future[UnitResult]"],
    processes: int,
) -> Iterator[UnitResult]:
    while True:
        while len(running) < processes and (task := next(waiting, None)) is not None:
            running.add(pool.submit(_predict, task))

        if not running:
            return

        done, _ = wait(running, return_when=FIRST_COMPLETED)
        for future in done:
            running.discard(future)
            yield future.result()


def in_this_process(predictor: UnitPredictor, tasks: Iterable[Task]) -> Iterator[UnitResult]:
    """The same without other processes."""
    for task in tasks:
        yield predictor.predict(*task)
