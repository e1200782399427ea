"""Late labels."""

import pytest

from deployment.scores import half_width, scores


def test_labels_are_counted_by_version_and_judged_where_they_can_be() -> None:
    rows = [("v1", 0.9, "1", "right"), ("v1", 0.2, "1", "wrong"), ("v1", 0.1, "0", "right"), ("v2", 3.5, "4", "scored")]
    found = scores(rows)
    assert found["v1"].labels == 3
    assert found["v1"].accuracy == pytest.approx(2 / 3)
    assert (found["v2"].labels, found["v2"].accuracy, found["v2"].margin) == (1, None, None)


def test_the_margin_is_wilsons() -> None:
    assert half_width(80, 100) == pytest.approx(0.0777, abs=1e-4)
    assert half_width(10, 10) > 0
