"""Open-loop load: requests that are due at a constant rate, whatever became of those before them.

Every time is counted from the intended start, so that a stall of the server is felt by all that
fell due meanwhile. load/engine/ sends, in a process of its own."""

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.processes import BenchmarkFailed
from load import shapes
from load.engine.plan import LOST, RETRY_AFTER, UNANSWERED, Plan, Stream
from load.generator_process import GeneratorFailed, GeneratorProcess
from load.outcomes import RequestColumns, together

__all__ = ["Arrived", "Phase", "Stream", "send", "stream"]

GRACE_S = 15.0
LOOK_S = 0.02


@dataclass(frozen=True)
class Phase:
    """So many requests a second for some seconds; a rate of 0, which has to be the only phase, is a
    closed loop: every connection is always busy.
    """

    rate: float
    seconds: float


@dataclass(frozen=True)
class Arrived:
    """Requests in the order they fell due, as arrays; seconds since the start, `answered` < 0 where
    nothing came.
    """

    intended: np.ndarray
    sent: np.ndarray
    answered: np.ndarray
    status: np.ndarray
    retry: np.ndarray

    def where(self, chosen: np.ndarray) -> "Arrived":
        """Some of them, by a mask."""
        return Arrived(*(getattr(self, name)[chosen] for name in self.__dataclass_fields__))

    def due(self, begin: float, end: float) -> "Arrived":
        """Those that fell due in this time."""
        return self.where((self.intended >= begin) & (self.intended < end))

    def good(self) -> "Arrived":
        """Those answered with 200."""
        return self.where(self.status == 200)

    def silent(self) -> int:
        """How many got no answer at all, or lost their connection."""
        return int(np.isin(self.status, (LOST, UNANSWERED)).sum())

    def ms(self, percent: float) -> float:
        """That percentile of the times from the intended start to the answer, in ms; NaN where
        there is none.
        """
        took = (self.answered - self.intended)[self.answered >= 0]
        return float(np.percentile(took, percent)) * 1000 if len(took) else float("nan")

    def sent_late_ms(self) -> float:
        """The 99th percentile of the times from the intended start to the sending, in ms: the
        generator's own delay.
        """
        return float(np.percentile((self.sent - self.intended)[self.sent >= 0], 99)) * 1000

    def __len__(self) -> int:
        return len(self.intended)


def stream(
    name: str, bodies: Path, phases: Sequence[Phase], connections: int, **headers: str
) -> Stream:
    """One kind of requests; `_` in a header's name stands for `-`."""
    named = {key.replace("_", "-"): value for key, value in headers.items()}
    closed = not phases[0].rate
    levels = [connections if closed else phase.rate for phase in phases]
    sent = [
        shapes.Phase(phase.seconds, level, level)
        for phase, level in zip(phases, levels, strict=True)
    ]
    return Stream(name, str(bodies), sent, connections, named, closed=closed)


def send(
    url: str, *streams: Stream, meanwhile: Callable[[], None] = lambda: None
) -> dict[str, Arrived]:
    """Send all streams at once and wait for their answers; `meanwhile` is called every 20 ms.

    Raises BenchmarkFailed where the generator fails.
    """
    parts: dict[str, list[list[bytes]]] = {stream.name: [] for stream in streams}
    with GeneratorProcess(Plan(url, list(streams), GRACE_S)) as generator, _called(meanwhile):
        try:
            for chunk in generator.chunks():
                for name, columns in chunk.columns.items():
                    parts[name].append(columns)
        except GeneratorFailed as error:
            raise BenchmarkFailed(f"the generator failed: {error}") from error

    return {name: _arrived(together(columns)) for name, columns in parts.items()}


@contextmanager
def _called(function: Callable[[], None]) -> Iterator[None]:
    """Call a function every 20 ms in a thread, until the end of the context."""
    over = threading.Event()

    def call() -> None:
        while not over.wait(LOOK_S):
            function()

    thread = threading.Thread(target=call)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def _arrived(columns: RequestColumns) -> Arrived:
    retry = (columns.flags & RETRY_AFTER > 0).astype(np.int8)
    return Arrived(columns.intended, columns.sent, columns.answered, columns.status, retry)
