"""What the platform complains of speaks against a candidate only where it is memory, enough of it,
and its alone.
"""

import pytest

from rollout.verdict.memory_errors import short_of_memory
from tests.rollout.evidence_factory import evidence, kind


@pytest.mark.parametrize(
    ("mine", "theirs", "said"),
    [
        ({"R14": 3}, {}, "v2: R14 x 3, v1: none"),
        ({"R15": 1}, {}, "v2: R15 x 1, v1: none"),
        ({"R14": 1, "R15": 1}, {"R14": 2}, "v2: R14 x 1 and R15 x 1, v1: R14 x 2"),
        ({"R14": 2}, {}, ""),
        ({"R14": 30, "R15": 3}, {"R14": 3}, ""),
        ({"R14": 30}, {"R15": 1}, ""),
        ({"H12": 1_000, "R10": 9, "L10": 9}, {}, ""),
        ({}, {"R14": 30}, ""),
        ({}, {}, ""),
    ],
)
def test_only_enough_of_memory_and_only_the_candidates_is_told(mine, theirs, said):
    assert short_of_memory(evidence(*kind("complaints", 500, mine, theirs))) == said


def test_workers_and_weights_are_taken_together():
    parts = [*kind("complaints", 500, {"R14": 1}, {}), *kind("complaints", 5_000, {"R14": 1}, {})]
    assert short_of_memory(evidence(*parts)) == ""
    assert (
        short_of_memory(evidence(*parts, *kind("complaints", 500, {"R14": 1}, {})))
        == "v2: R14 x 3, v1: none"
    )
