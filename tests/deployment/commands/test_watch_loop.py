"""How a watched rollout ended."""

import pytest

from deployment.commands.status import RecentAct, Status
from deployment.commands.watch_loop import last_ending, rollout_ending, watch, watched_rollout
from tests.deployment.status_factory import rollout, status


def seen(candidate: str | None, released: str, answers: bool = True, act: str = "step") -> Status:
    """A status; act: the newest one."""
    revision = 4 if candidate == "v2" else 5
    return status(
        rollout=rollout(candidate) if candidate else None,
        released=released,
        record_answers=answers,
        revision=revision,
        events=[event(act, revision), event("end", 2)],
    )


def event(act: str, revision: int) -> RecentAct:
    """An act of the ledger."""
    return RecentAct(revision, "2026-05-01T12:00:00+00:00", "ana@test", act, "v2", "")


@pytest.mark.parametrize(
    ("now", "code"),
    [
        (seen("v2", "v1"), None),
        (seen(None, "v2"), 0),
        (seen(None, "v1"), 5),
        (seen(None, "v1", act="end"), 0),
        (seen("v3", "v1"), 5),
        (seen(None, "", answers=False), None),
    ],
)
def test_a_rollout_ended_well_or_was_rolled_back_or_nobody_can_say(
    now: Status, code: int | None
) -> None:
    watched = watched_rollout(seen("v2", "v1"))
    assert watched is not None
    assert rollout_ending(watched, now) == code


def test_where_no_rollout_was_none_is_waited_for() -> None:
    assert watched_rollout(seen(None, "v1")) is None


@pytest.mark.parametrize(
    ("act", "code"),
    [("rollback", 5), ("abort", 5), ("promote", 0), ("end", 0), ("deploy", 0), ("step", 0)],
)
def test_one_that_ended_before_anybody_looked_is_told_by_the_newest_acts(
    act: str, code: int
) -> None:
    assert last_ending(seen(None, "v1", act=act)) == code


def test_of_a_record_that_does_not_answer_nobody_can_say_how_it_ended() -> None:
    assert last_ending(seen(None, "", answers=False)) is None


@pytest.mark.parametrize(("held", "code"), [(["prediction"], 3), ([], 4)])
def test_at_the_deadline_one_that_is_held_waits_for_a_person(
    held: list[str], code: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    on_hold = status(rollout=rollout("v2", held=tuple(held)))
    monkeypatch.setattr("deployment.commands.watch_loop.read_status", lambda _workspace: on_hold)
    assert watch(None, lambda _: None, once=False, timeout_s=0.01) == code  # type: ignore[arg-type]
