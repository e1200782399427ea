"""Golden answers."""

import pytest

from deployment.readiness import same


@pytest.mark.parametrize(
    ("got", "wanted", "agree"),
    [
        (0.1, 0.1 + 5e-6, True),
        (0.1, 0.2, False),
        ([0.5, 0.5], [0.5, 0.500001], True),
        ([0.5], [0.5, 0.5], False),
        (0.5, [0.5], False),
        ("a", "a", True),
        ("a", "b", False),
        (1, True, True),
        (None, 0.5, False),
        (None, None, True),
        (float("nan"), 0.5, False),
        ("0.5", 0.5, False),
    ],
)
def test_predictions_agree_within_the_tolerance_or_exactly(got: object, wanted: object, agree: bool) -> None:
    assert same(got, wanted, 1e-5) is agree
