"""What a bin is called, and that counts that do not fit their bins are refused."""

import math

import pytest

from rollout.drift.counted_bins import CountedBins, counted_bins

NOON = 1_777_636_800.0


@pytest.mark.parametrize(
    ("number", "says"),
    [(0, "below 0"), (1, "0"), (2, "5e-324 to 20"), (3, "above 20"), (4, "null")],
)
def test_a_bin_of_numbers_is_called_by_its_edges(number: int, says: str) -> None:
    edges = (0.0, math.nextafter(0.0, 1.0), 20.0)
    label = CountedBins("age", "", edges, (), (0, 1, 2, 3, 4)).label(number)
    assert label.replace("4.941e-324", "5e-324") == says


def test_a_bin_of_values_is_called_by_its_value() -> None:
    bins = CountedBins("city", "", (), ("Oslo", 2.0), (0, 0, 0, 0))
    assert [bins.label(number) for number in range(4)] == ["Oslo", "2.0", "new values", "null"]


def test_a_moment_is_written_as_a_date() -> None:
    bins = CountedBins("at", "moment", (NOON, 1e300), (), (0, 0, 0, 0))
    assert bins.label(0) == "below 2026-05-01 12:00"
    assert bins.label(2) == "above 1e+300 s"


def test_counts_that_do_not_fit_their_bins_are_refused() -> None:
    with pytest.raises(ValueError, match="'age' has 3 counts for 3 bins"):
        counted_bins({"name": "age", "edges": [0, 1], "counts": [1, 2]})
