"""Proves a running version by its golden rows: it must give the answers of its bundle."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from deployment.http_client import Connection, Unreachable, line
from deployment.workspace.bundles import GoldenRows, Release, golden_rows
from deployment.workspace.errors import CannotStart, EdgeFailure, NotReadyInTime
from service.comparison import Scale, measured, row_answers, same

POLL_S = 0.05
WARM_UPS = 3


class NotAnswering(Exception):
    """The version did not give its golden answers; the message says what it did instead."""


@dataclass(frozen=True)
class ReadinessProbe:
    """Where a version listens, and what a healthy one answers there."""

    address: str
    secret: str
    golden: GoldenRows
    tolerance: float
    scale: Scale = 1.0
    output: str = ""


def probe_of(release: Release, address: str, secret: str) -> ReadinessProbe:
    """The probe of a running version; raises ContractBroken where its golden rows were changed."""
    golden, tolerance = golden_rows(release), release.tolerance
    return ReadinessProbe(address, secret, golden, tolerance, release.scale, release.output)


def ask_once(probe: ReadinessProbe, timeout_s: float = 10.0) -> float:
    """Send the golden rows; returns seconds. Raises NotAnswering with the difference."""
    with line(probe.address, probe.secret, timeout_s) as version:
        began = time.monotonic()
        got = _predict(version, probe.golden.rows, probe.output)
        took = time.monotonic() - began

    _compare(got, probe)
    return took


def wait_ready(
    probe: ReadinessProbe, deadline_s: float, ended: Callable[[], str | None], log: str
) -> float:
    """Send the golden rows until the answers are right; returns seconds.

    ended: why the process ended, None while it runs
    log: what to read, for the message

    Raises CannotStart where the process ended, NotReadyInTime at the deadline.
    """
    began = time.monotonic()
    while True:
        try:
            ask_once(probe)
            return time.monotonic() - began
        except NotAnswering as error:
            why = str(error)
        if (because := ended()) is not None:
            raise CannotStart(f"it ended at once ({because}): read {log}")
        if time.monotonic() - began > deadline_s:
            raise NotReadyInTime(f"not ready within {deadline_s:g} s (last: {why}): read {log}")
        time.sleep(POLL_S)


def warmed_up(version: str, probe: ReadinessProbe, log: str) -> None:
    """Warm a started version up; raises EdgeFailure naming its log where it fails."""
    try:
        warm_up(probe)
    except NotAnswering as error:
        raise EdgeFailure(f"{version} failed while warming up ({error}): read {log}") from error


def warm_up(probe: ReadinessProbe) -> None:
    """Send batches of one row and of all golden rows; raises NotAnswering."""
    with line(probe.address, probe.secret, 30.0) as version:
        for _ in range(WARM_UPS):
            _predict(version, probe.golden.rows[:1], probe.output)
            _predict(version, probe.golden.rows, probe.output)


def _predict(version: Connection, rows: list[dict[str, Any]], output: str) -> list[Any]:
    """The answers a row, of several outputs by name. output: the name of the first."""
    try:
        answer = version.post("/predict", {"instances": rows})
        if answer.status != 200:
            raise NotAnswering(f"it answered {answer.status}{_body_excerpt(answer.body)}")
        return row_answers(answer.json(), output)
    except Unreachable as error:
        raise NotAnswering(str(error)) from error
    except (KeyError, TypeError, ValueError) as error:
        raise NotAnswering("its answer is not a list of predictions") from error


def _body_excerpt(body: bytes) -> str:
    """The answer's body; a page of HTML comes from a platform, not from the version."""
    if body.lstrip()[:1] == b"<":
        return " with a page of HTML, which is not the version's own"
    return f": {body[:200].decode(errors='replace')}"


def _compare(got: list[Any], probe: ReadinessProbe) -> None:
    expected, tolerance = probe.golden.predictions, probe.tolerance
    if len(got) != len(expected):
        raise NotAnswering(f"it answered {len(got)} of {len(expected)} golden rows")

    for index, (actual, certified) in enumerate(zip(got, expected, strict=True)):
        if not same(certified, actual, tolerance, probe.scale):
            distance = measured(certified, actual, probe.scale)
            details = ""
            if distance:
                details = f" ({distance}; {tolerance:g} is allowed)"
            raise NotAnswering(
                f"golden row {index} gave {actual!r}, certified was {certified!r}{details}"
            )
