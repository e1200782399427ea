"""Open-loop load: requests that are due at a constant rate, whatever became of those before them.

Every time is counted from the intended start, so that a stall of the server is felt by all that
fell due meanwhile. benchmarks/arriving.py sends, in a process of its own."""

import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryFile

import msgspec
import numpy as np

from benchmarks.open_loop import LOST, UNANSWERED, Columns, Phase, Plan, Stream
from benchmarks.processes import ROOT, BenchmarkFailed

__all__ = ["Arrived", "Phase", "Stream", "send", "stream"]

GRACE_S = 15.0
START_S = 60.0
LOOK_S = 0.02


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
    return Stream(name, str(bodies), list(phases), connections, named)


def send(
    url: str, *streams: Stream, meanwhile: Callable[[], None] = lambda: None
) -> dict[str, Arrived]:
    """Send all streams at once and wait for their answers; `meanwhile` is called every 20 ms.

    Raises BenchmarkFailed where the generator does not end.
    """
    plan = Plan(url, list(streams), GRACE_S)
    longest = max(map(_seconds, streams))
    with TemporaryFile() as plan_file, TemporaryFile() as output, TemporaryFile() as error:
        plan_file.write(msgspec.json.encode(plan))
        plan_file.seek(0)
        command = [sys.executable, "-m", "benchmarks.open_loop"]
        with subprocess.Popen(
            command, cwd=ROOT, stdin=plan_file, stdout=output, stderr=error
        ) as process:
            _wait(process, time.monotonic() + longest + GRACE_S + START_S, meanwhile)
        if process.returncode:
            error.seek(0)
            raise BenchmarkFailed(f"the generator failed: {error.read().decode()[-500:]}")
        output.seek(0)
        columns = msgspec.msgpack.decode(output.read(), type=dict[str, Columns])

    return {name: _arrived(requests) for name, requests in columns.items()}


def _wait(process: "subprocess.Popen[bytes]", end: float, meanwhile: Callable[[], None]) -> None:
    try:
        while process.poll() is None:
            meanwhile()
            with suppress(subprocess.TimeoutExpired):
                process.wait(LOOK_S)
            if time.monotonic() > end:
                raise BenchmarkFailed("the generator did not end in time")
    except BaseException:
        process.kill()
        raise


def _seconds(stream: Stream) -> float:
    return sum(phase.seconds for phase in stream.phases)


def _arrived(columns: Columns) -> Arrived:
    doubles = map(np.frombuffer, (columns.intended, columns.sent, columns.answered))
    return Arrived(
        *doubles, np.frombuffer(columns.status, np.int16), np.frombuffer(columns.retry, np.int8)
    )
