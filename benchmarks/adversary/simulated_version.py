"""How a simulated version answers a batch, and how long it takes."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import msgspec

from router.dispatch.processes import Processes
from router.dispatch.upstream import Answer, Failure

BATCH_S = 0.004
ROW_S = 0.0002
CONNECT_S = 0.001
"""Until a connection is refused."""

Row = Any
"""A decoded row: here a number, or an object."""
_decode = msgspec.json.Decoder().decode
Callback = Callable[[Answer | Failure], None]


def never(_now: float) -> bool:
    """At no time."""
    return False


def no_time(_value: Any) -> float:
    """Nothing in addition."""
    return 0.0


def in_order(predictions: list[bytes]) -> list[bytes]:
    """As the rows came."""
    return predictions


@dataclass
class SimulatedVersion:
    """One version.

    answer: the raw prediction of a row at a time, or the status of its error (422 or 500). classes:
    as its answers name them, raw JSON. down: whether it refuses connections at a time; refuses:
    whether it answers a batch with 503 then, asked once a batch. batch_s, row_s: seconds that a
    batch takes, and each row of it; stall_s: that a batch takes in addition at a time, extra_s: a
    row; rest_s: a row keeps the version busy after its answer. order: of the predictions in an
    answer. Times are seconds of the run."""

    answer: Callable[[Row, float], bytes | int]
    classes: bytes = b"null"
    down: Callable[[float], bool] = never
    refuses: Callable[[float], bool] = never
    batch_s: float = BATCH_S
    row_s: float = ROW_S
    rest_s: float = 0.0
    stall_s: Callable[[float], float] = no_time
    extra_s: Callable[[Row], float] = no_time
    order: Callable[[list[bytes]], list[bytes]] = in_order

    def seconds(self, rows: list[Row], now: float) -> float:
        """How long a batch takes."""
        own = self.batch_s + len(rows) * self.row_s + self.stall_s(now)
        return own + sum(map(self.extra_s, rows))

    def answered(self, rows: list[Row], now: float) -> Answer:
        """The answer to a batch."""
        if self.refuses(now):
            return Answer(503, [], b"unavailable")

        predictions, errors = [], []
        for index, row in enumerate(rows):
            prediction = self.answer(row, now)
            if isinstance(prediction, int):
                errors.append(b'{"row":%d,"status":%d,"detail":"simulated"}' % (index, prediction))
                prediction = b"null"

            predictions.append(prediction)

        body = b'{"predictions":[%b],"errors":[%b],"classes":%b}' % (
            b",".join(self.order(predictions)),
            b",".join(errors),
            self.classes,
        )
        return Answer(200, [], body)


class SimulatedPool:
    """The network to one version, which answers one batch after the other."""

    def __init__(self, address: str, loop: Any, version: SimulatedVersion) -> None:
        self.address, self.loop, self.version = address, loop, version
        self.in_flight = 0
        self.processes = Processes()
        self._free_at = 0.0

    def predict(self, body: bytes, callback: Callback, timeout_s: float) -> None:
        """As router.dispatch.upstream.Pool.predict."""
        self.in_flight += 1
        sent = self.loop.time()
        if self.version.down(sent):
            refused = Failure("connect", "it cannot be reached")
            self.loop.call_at(sent + CONNECT_S, self._arrived, callback, refused)
            return

        rows = _decode(body)["instances"]
        start = max(sent, self._free_at)
        end = start + self.version.seconds(rows, start)
        self._free_at = end + len(rows) * self.version.rest_s
        if end - sent > timeout_s:
            late = Failure("timeout", f"no answer within {timeout_s:.3g} s")
            self.loop.call_at(sent + timeout_s, self._arrived, callback, late)
            return

        self.loop.call_at(end, self._finished, callback, rows)

    def close(self) -> None:
        """As router.dispatch.upstream.Pool.close."""

    def _finished(self, callback: Callback, rows: list[Row]) -> None:
        now = self.loop.time()
        if self.version.down(now):
            self._arrived(callback, Failure("closed", "the connection was closed"))
        else:
            self._arrived(callback, self.version.answered(rows, now))

    def _arrived(self, callback: Callback, outcome: Answer | Failure) -> None:
        self.in_flight -= 1
        callback(outcome)
