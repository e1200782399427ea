"""Predicts units on this machine: in this process, or in several, each with a model of its own."""

import os
import signal
from collections.abc import Generator, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import active_children, forkserver, get_context, parent_process
from threading import Thread

import pyarrow as pa

from batch.errors import BatchError
from batch.events import FAILED
from batch.model import BatchModel, load
from batch.predict_unit import Task, UnitPredictor, UnitResult
from batch.process_setup import keep_freed_memory, keep_pandas_out
from batch.unit_engine import WorkerSettings, predictor_of

# Not forked from the run itself: a runtime's threads would not survive it, and its lock would
# outlive it. A process that has but imported this module is forked instead.
_CONTEXT = get_context("forkserver")
_predictor: UnitPredictor | BatchError | None = None


def prepare_processes() -> None:
    """Begin to import what the processes need, while this one loads the model itself."""
    _CONTEXT.set_forkserver_preload([__name__])
    forkserver.ensure_running()


def _begin(settings: WorkerSettings) -> None:
    """Load the model. Ctrl-C ends the run through its first process, after the unit in hand.

    What keeps the model from being loaded is told for the first unit: raised here, it would look
    like the death of this process.
    """
    global _predictor
    Thread(target=_end_with_run, name="end with run", daemon=True).start()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    pa.set_cpu_count(1)
    keep_freed_memory()
    try:
        _predictor = _loaded(settings)
    except BatchError as error:
        _predictor = error


def _loaded(settings: WorkerSettings) -> UnitPredictor:
    model = load(settings.bundle, settings.public_key, settings.runtime)
    if not model.takes_frames:
        keep_pandas_out()

    return predictor_of(model, settings)


def _end_with_run() -> None:
    """End this process with the run, also where that is killed. Its parent is another process,
    which lives as long as this one does.
    """
    run = parent_process()
    assert run is not None
    run.join()
    os._exit(FAILED)


def _predict(task: Task) -> UnitResult:
    assert _predictor is not None
    if isinstance(_predictor, BatchError):
        raise _predictor

    return _predictor.predict(*task)


class ProcessPool:
    """Predicts in other processes of this machine."""

    def __init__(self, settings: WorkerSettings, processes: int) -> None:
        self.settings, self.workers = settings, processes

    def results(self, tasks: Iterable[Task]) -> Generator[UnitResult, None, None]:
        """See UnitEngine."""
        return _results(self.settings, tasks, self.workers)


class OneProcess:
    """Predicts in this process."""

    workers = 1

    def __init__(self, settings: WorkerSettings, model: BatchModel) -> None:
        self._predictor = predictor_of(model, settings)

    def results(self, tasks: Iterable[Task]) -> Generator[UnitResult, None, None]:
        """See UnitEngine."""
        return self._predictor.results(tasks)


def _results(
    settings: WorkerSettings, tasks: Iterable[Task], processes: int
) -> Generator[UnitResult, None, None]:
    """The units' results as they come; tasks are taken as processes are free.

    Closed early, it waits for the units in hand. Raises BatchError where a process died.
    """
    waiting = iter(tasks)
    pool = ProcessPoolExecutor(processes, _CONTEXT, initializer=_begin, initargs=(settings,))
    running: set[Future[UnitResult]] = set()
    try:
        yield from _as_completed(pool, waiting, running, processes)
    except BrokenProcessPool as error:
        _end_workers()
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
) -> Generator[UnitResult, None, None]:
    while True:
        while len(running) < processes and (task := next(waiting, None)) is not None:
            running.add(_submitted(pool, task))

        if not running:
            return

        done, _ = wait(running, return_when=FIRST_COMPLETED)
        for future in done:
            running.discard(future)
            yield future.result()


def _submitted(pool: ProcessPoolExecutor, task: Task) -> "Future[UnitResult]":
    """Raises BrokenProcessPool also where a process, or what begins them, dies at this moment."""
    try:
        return pool.submit(_predict, task)
    except (OSError, EOFError) as error:
        raise BrokenProcessPool(str(error)) from error


def _end_workers() -> None:
    """End all processes of the pool: one that began while another died is not ended by the pool,
    which would wait for it for ever.
    """
    for worker in active_children():
        worker.kill()
