"""The segments of a stored verdict as text."""

import math
from typing import Any

import pytest

from deployment.history.segment_lines import SHOWN, segment_lines


def row(value: str, **changes: Any) -> dict[str, Any]:
    """A stored segment."""
    counts = {"pairs": 100, "worse": 0, "better": 0, "differs": 0}
    logs = {"against": math.log(0.5), "needed": math.log(24_000)}
    return {"column": "airline", "value": value, **counts, **logs, **changes}


def test_the_worst_are_shown_with_their_odds_and_then_what_each_needs() -> None:
    worst = row("B6", pairs=1_020, worse=20, differs=3, against=math.log(52_000))
    lines = segment_lines({"segments": [worst, row("UA"), row("null", pairs=0)]})
    assert lines == [
        "segment     pairs  worse  better  differs         odds",
        "airline B6  1,020     20       0        3  52,000 to 1",
        "airline UA    100      0       0        0     0.5 to 1",
        "3 segments, 2 of them seen; each alone decides at 24,000 to 1, so that all together keep "
        "their part of "
        "alpha",
    ]


def test_of_many_the_first_are_shown_and_the_others_counted() -> None:
    lines = segment_lines({"segments": [row(f"V{n}") for n in range(15)]})
    assert len(lines) == 1 + SHOWN + 1
    assert lines[-1].startswith("15 segments, 5 of these not shown; each alone")


@pytest.mark.parametrize("verdict", [None, {}, {"segments": []}, {"segments": [row("x", pairs=0)]}])
def test_without_a_pair_there_is_no_table(verdict: dict[str, Any] | None) -> None:
    assert segment_lines(verdict) == []


def test_impossible_odds_are_shown_as_such() -> None:
    assert "more than 1e9 to 1" in segment_lines({"segments": [row("x", needed=1e308)]})[-1]
