"""What `load` may be asked."""

import pytest

from deployment.load_test.options import LoadOptions, shape_of, words_of
from deployment.workspace.errors import BadOption
from rollout.settings import LoadSettings

BOUNDS = LoadSettings(max_rate=1_000, max_s=600)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (LoadOptions(rate=1_001), "load.max_rate"),
        (LoadOptions(lasts="11m"), "load.max_s"),
        (LoadOptions(lasts="16s", shape="find-limit"), "load.max_s"),
        (LoadOptions(lasts="soon"), "no duration"),
        (LoadOptions(lasts=""), "no duration"),
        (LoadOptions(rate=1, users=1), "one of them"),
        (LoadOptions(users=5, shape="find-limit"), "looks for a rate"),
        (LoadOptions(shape="zigzag"), "find-limit"),
    ],
)
def test_what_is_out_of_bounds_is_refused_with_its_bound(options, said):
    with pytest.raises(BadOption, match=said):
        shape_of(options, BOUNDS)


def test_a_shape_has_its_own_rate_and_time_where_none_is_given():
    shape = shape_of(LoadOptions(), BOUNDS)
    assert (shape.name, shape.rate, shape.seconds, shape.users) == ("constant", 100, 30, None)
    assert shape_of(LoadOptions(shape="soak"), BOUNDS).seconds == 600


def test_shapes_in_words():
    shape = shape_of(LoadOptions(users=20, think="0", lasts="2m"), BOUNDS)
    assert words_of(shape) == "constant, 20 users who think 0 s for 2 min"
    assert "steps of 6 s from 250 requests/s on" in words_of(
        shape_of(LoadOptions(shape="find-limit"), BOUNDS)
    )
