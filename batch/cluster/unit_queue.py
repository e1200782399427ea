"""Asks the workers of a cluster for units: one at a time of every worker, which others take over
where it dies.
"""

import pickle
import time
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import CancelledError
from contextlib import contextmanager, suppress
from queue import Empty, SimpleQueue
from uuid import uuid4

from distributed import Client, Future, KilledWorker

from batch.cluster.unit_call import UnitCall
from batch.cluster.worker_facts import WorkerFacts
from batch.errors import BatchError
from batch.predict_unit import Task, UnitResult
from batch.unit_engine import WorkerSettings

LOOK_S = 1.0
"""How often the workers are counted while none has an answer."""
WITHOUT_WORKERS_S = 60.0
GOES_ON = "the same command goes on where the run stopped"


class UnitQueue:
    """The units that are asked for. workers: how many predict, as it begins.

    tell: hears of workers that are lost.
    """

    def __init__(
        self,
        client: Client,
        settings: WorkerSettings,
        facts: WorkerFacts,
        tell: Callable[[str], None],
    ) -> None:
        self._client, self._settings, self._facts, self._tell = client, settings, facts, tell
        self._done: SimpleQueue[str] = SimpleQueue()
        self._asked: dict[str, tuple[Future, str, Task]] = {}
        self._known = self._addresses()
        self._last_seen = time.monotonic()

    @property
    def workers(self) -> int:
        """How many were seen last."""
        return len(self._known)

    def results(self, tasks: Iterable[Task]) -> Generator[UnitResult, None, None]:
        """See UnitEngine."""
        waiting = iter(tasks)
        try:
            while self._ask(waiting) or self._asked:
                yield from self._answers()
        finally:
            self._finish()

    def _ask(self, waiting: Iterator[Task]) -> bool:
        """Ask free workers; returns whether more is to be asked."""
        self._look()
        busy = {address for _, address, _ in self._asked.values()}
        for address in sorted(self._known - busy):
            task = next(waiting, None)
            if task is None:
                return False

            self._submit(task, address)

        return True

    def _submit(self, task: Task, address: str) -> None:
        key = f"sluice-unit-{uuid4().hex}"
        with self._connected():
            future = self._client.submit(
                pickle.loads,
                pickle.dumps(UnitCall(self._settings, self._facts, task)),
                key=key,
                workers=[address],
                # Where it dies, another one is asked.
                allow_other_workers=True,
            )

        self._asked[key] = future, address, task
        future.add_done_callback(lambda done: self._done.put(done.key))

    def _answers(self) -> Iterator[UnitResult]:
        """The next answer, none where it takes longer."""
        try:
            key = self._done.get(timeout=LOOK_S)
        except Empty:
            return

        future, _, task = self._asked.pop(key)
        yield self._result(future, task)

    def _result(self, future: Future, task: Task) -> UnitResult:
        try:
            result: UnitResult = future.result()
        except KilledWorker as error:
            unit = task[0]
            raise BatchError(
                f"{error.allowed_failures + 1} workers died while they predicted unit "
                f"{unit.number} of {unit.file.path}, the last of them "
                f"{error.last_worker.address}, so nobody else is asked: look at its log for the "
                f"cause, such as too little memory; {GOES_ON}"
            ) from error
        except CancelledError as error:
            raise BatchError(f"the scheduler was lost: {GOES_ON}") from error
        except ModuleNotFoundError as error:
            raise BatchError(f"a worker that came later cannot run Sluice ({error})") from error

        return result

    def _look(self) -> None:
        """Count the workers, and tell of lost ones; raises BatchError where none comes again."""
        addresses = self._addresses()
        asked = {address for _, address, _ in self._asked.values()}
        for address in sorted(self._known - addresses):
            rest = "its unit is asked of another" if address in asked else "others go on"
            self._tell(f"worker {address} is gone: {rest}")

        self._known = addresses
        if addresses:
            self._last_seen = time.monotonic()
        elif time.monotonic() - self._last_seen > WITHOUT_WORKERS_S:
            raise BatchError(
                f"the scheduler has had no worker for {WITHOUT_WORKERS_S:.0f} s: start workers "
                f"(`dask worker SCHEDULER --nthreads 1`); {GOES_ON}"
            )

    def _addresses(self) -> set[str]:
        with self._connected():
            return set(self._client.nthreads())

    def _finish(self) -> None:
        """Wait for the units in hand, whose parts are kept."""
        with suppress(BatchError):
            while self._asked:
                self._look()
                with suppress(Empty):
                    self._asked.pop(self._done.get(timeout=LOOK_S), None)

    @contextmanager
    def _connected(self) -> Iterator[None]:
        """Ask the scheduler; raises BatchError where it is gone."""
        try:
            yield
        except (OSError, CancelledError, RuntimeError) as error:
            raise BatchError(f"the scheduler was lost ({error}): {GOES_ON}") from error
