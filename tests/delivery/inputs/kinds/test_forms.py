"""What the signature says of a column, and what of a frame is refused with what to write."""

import numpy as np
import pandas as pd
import pytest

from delivery.errors import DeliveryError
from delivery.inputs.kinds.arrays import look_of
from delivery.inputs.kinds.kind import ProbedColumn
from delivery.inputs.kinds.registry import KINDS
from delivery.inputs.kinds.row_values import json_value
from delivery.inputs.signature import columns_of
from delivery.proof.probe_rows import probes
from service.rows import RowReader
from tests.service.column_series import COLUMN_SERIES, objects


def column(held_out, training=None):
    """The signature of one column."""
    frames = (held_out.to_frame("x"), None if training is None else training.to_frame("x"))
    (made,) = columns_of(*frames)
    return made


@pytest.mark.parametrize(
    ("held_out", "training", "message"),
    [
        (
            pd.Series(pd.to_datetime(["2021-01-31"])),
            pd.Series(pd.to_datetime(["2021-01-31"], utc=True)),
            "has a zone in one of the frames and none in the other: give both the same",
        ),
        (objects([1.0]), objects([[1.0]]), "arrays of 1 and 2 dimensions"),
        (objects([1.0], (2.0,)), None, "holds arrays as list and tuple: make them one"),
        (objects([1], ["a"]), None, "items are of several kinds"),
        (objects([True], [1]), None, "items are of several kinds"),
        (objects(np.zeros((1,) * 5)), None, "5 dimensions, and at most 4 are served"),
        (objects(["a", None]), None, "None among their items, which only numbers with fractions"),
        (
            objects([0.5, None], [float("nan"), 1.0]),
            None,
            "NaN and None among their items|None and",
        ),
        (pd.Series(pd.date_range("2021", periods=1000)).astype("category"), None, "hardly repeat"),
    ],
)
def test_what_cannot_be_served_is_refused_with_what_to_write(held_out, training, message):
    with pytest.raises(DeliveryError, match=message):
        column(held_out, training)


def test_lengths_that_vary_in_either_frame_may_vary():
    form = column(objects([1.0, 2.0], [3.0]), objects([1.0, 2.0, 3.0])).form
    assert (form.shape, form.longest) == ([None], 3)
    assert column(objects([1.0]), objects([2.0])).form.shape == [1]


@pytest.mark.parametrize(
    "value", [np.array(1.0), np.array(["a"]), np.array([1j]), [{}], [[1], [2, 3]], [np.zeros(2)]]
)
def test_what_is_no_array_of_numbers_or_texts_has_no_form(value):
    assert not KINDS["array"].has_value(value)


def test_an_image_of_numpys_keeps_its_dtype():
    look = look_of(np.zeros((8, 8), dtype="uint8"))
    assert (look.shape, look.cell, look.items) == ((8, 8), "ndarray[uint8]", "int")


@pytest.mark.parametrize("name", [name for name in COLUMN_SERIES if "categor" not in name])
def test_probes_of_every_kind_are_rows_that_the_signature_takes(name):
    """Edges: leap days, clock changes, the ends of the range, empty arrays."""
    series = COLUMN_SERIES[name]
    made = column(series)
    if made.dtype not in KINDS:
        return

    frame = series.to_frame("x")
    result = probes(None, frame, None, [made])
    edges = [what for what in result.what if "at an edge" in what]
    assert len(edges) >= 5
    values = [json_value(value) for value in series.dropna().tolist()]
    for value, _ in KINDS[made.dtype].probes(ProbedColumn(made.form, values)):
        RowReader([made]).read(b'{"instances": []}')
        assert value is None or isinstance(value, str | list)


def test_an_empty_array_and_the_ends_of_nanoseconds_are_probed():
    lengths = probes(
        None, objects([0.5], [1.5, 2.5]).to_frame("x"), None, [column(objects([0.5], [1.5, 2.5]))]
    )
    assert {0, 1, 2} == set(map(len, lengths.columns["x"]))
    moments = COLUMN_SERIES["datetime64[ns]"]
    result = probes(None, moments.to_frame("x"), None, [column(moments)])
    moments = result.columns["x"].astype(str)
    near = set(moments[~np.array(result.far)].tolist())
    assert {"2262-04-11T23:47:16.854775807", "2020-02-29T00:00:00.000000000"} <= set(
        moments.tolist()
    )
    assert "2262-04-11T23:47:16.854775807" not in near
