"""Late labels."""

import pytest

from deployment.accuracy import half_width, scores


def test_labels_are_counted_by_version_and_judged_where_they_can_be() -> None:
    accuracy = scores([("v1", "right", 2), ("v1", "wrong", 1), ("v2", "scored", 1)])
    assert accuracy["v1"].labels == 3
    assert accuracy["v1"].accuracy == pytest.approx(2 / 3)
    assert (accuracy["v2"].labels, accuracy["v2"].accuracy, accuracy["v2"].margin) == (
        1,
        None,
        None,
    )


def test_the_margin_is_wilsons() -> None:
    assert half_width(80, 100) == pytest.approx(0.0777, abs=1e-4)
    assert half_width(10, 10) > 0


def test_values_have_the_mean_of_their_errors() -> None:
    accuracy = scores([("v1", "scored", 3), ("v2", "right", 1)], [("v1", 2.5)])
    assert (accuracy["v1"].error, accuracy["v2"].error) == (2.5, None)
