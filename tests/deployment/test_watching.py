"""How a watched rollout ended."""

import pytest

from deployment.watching import verdict


def seen(candidate: str | None, released: str, answers: bool = True) -> dict[str, object]:
    """A picture."""
    rollout = {"candidate": candidate} if candidate else None
    return {"rollout": rollout, "released": released, "record_answers": answers}


@pytest.mark.parametrize(
    ("now", "code"),
    [
        (seen("v2", "v1"), None),
        (seen(None, "v2"), 0),
        (seen(None, "v1"), 5),
        (seen("v3", "v1"), 5),
        (seen(None, "", answers=False), None),
    ],
)
def test_a_rollout_ended_released_or_taken_back_or_nobody_can_say(now: dict[str, object], code: int | None) -> None:
    assert verdict(seen("v2", "v1"), now) == code


def test_where_no_rollout_was_none_can_end() -> None:
    assert verdict(seen(None, "v1"), seen(None, "v2")) is None
