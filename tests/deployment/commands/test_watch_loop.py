"""How a watched rollout ended."""

import pytest

from deployment.commands.watch_loop import last_one, verdict, watch


def seen(
    candidate: str | None, released: str, answers: bool = True, act: str = "step"
) -> dict[str, object]:
    """A picture; act: the newest one."""
    rollout, revision = (
        {"candidate": candidate} if candidate else None,
        4 if candidate == "v2" else 5,
    )
    events = [{"act": act, "revision": revision}, {"act": "end", "revision": 2}]
    return {
        "rollout": rollout,
        "released": released,
        "record_answers": answers,
        "revision": revision,
        "events": events,
    }


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
def test_a_rollout_ended_well_or_was_taken_back_or_nobody_can_say(
    now: dict[str, object], code: int | None
) -> None:
    assert verdict(seen("v2", "v1"), now) == code


def test_where_no_rollout_was_none_can_end() -> None:
    assert verdict(seen(None, "v1"), seen(None, "v2")) is None


@pytest.mark.parametrize(
    ("act", "code"),
    [("rollback", 5), ("abort", 5), ("promote", 0), ("end", 0), ("deploy", 0), ("step", 0)],
)
def test_one_that_ended_before_anybody_looked_is_told_by_the_newest_acts(
    act: str, code: int
) -> None:
    assert last_one(seen(None, "v1", act=act)) == code


def test_of_a_record_that_does_not_answer_nobody_can_say_how_it_ended() -> None:
    assert last_one(seen(None, "", answers=False)) is None


@pytest.mark.parametrize(("held", "code"), [(["prediction"], 3), ([], 4)])
def test_at_the_deadline_one_that_is_held_waits_for_a_person(
    held: list[str], code: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    picture = {**seen("v2", "v1"), "rollout": {"candidate": "v2", "held": held}}
    monkeypatch.setattr("deployment.commands.watch_loop.picture", lambda _place: picture)
    assert watch(None, lambda _: None, once=False, timeout_s=0.01) == code  # type: ignore[arg-type]
