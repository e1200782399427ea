"""Statuses for tests: v1 is released and nothing else happens, but for what is changed."""

from dataclasses import replace
from typing import Any

from deployment.commands.status import RolloutStatus, Status, VersionStatus

VERSION = VersionStatus(
    name="v1",
    role="released",
    state="released",
    runtime="onnx",
    process="running",
    program="v1-1",
    weight=95.0,
    served=95.02,
    requests=79_123,
    errors=0,
    fallbacks=0,
    p50_ms=0.4,
    p99_ms=2.4,
    in_flight=0,
    agree=0.9812,
    compared=1_000,
    labels=14_321,
    accuracy=0.988,
    accuracy_margin=0.002,
    mean_absolute_error=None,
)
STATUS = Status(
    model="flights",
    revision=4,
    record_answers=True,
    url="http://127.0.0.1:8000",
    released="v1",
    rollout=None,
    verdict=None,
    flagged=False,
    queued=None,
    rollback=None,
    failed_requests=0,
    since=None,
    worst=[],
    router_revision=4,
    workers=[],
    drift=None,
    versions=[VERSION],
    events=[],
    notes=[],
)
ROLLOUT = RolloutStatus(
    strategy="canary",
    candidate="v2",
    stable="v1",
    step=None,
    paused=False,
    steps=(),
    judged=True,
    held=(),
    next_step_in_s=None,
    started_by="ana@test",
    running_s=1.0,
)


def status(**changes: Any) -> Status:
    """The status with these fields."""
    return replace(STATUS, **changes)


def rollout(candidate: str, **changes: Any) -> RolloutStatus:
    """A canary of that version against v1."""
    return replace(ROLLOUT, candidate=candidate, **changes)
