"""Durations in words."""

from rollout.durations import shown_seconds


def test_durations_are_shown_in_the_unit_that_fits() -> None:
    assert [shown_seconds(s) for s in (0.25, 90, 150, 10_800)] == [
        "0.25 s",
        "90 s",
        "2.5 min",
        "3 h",
    ]
