"""Thresholds in 32 bits part the same rows, and what is too large is refused."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.ensemble import RandomForestClassifier

from delivery.onnx.converters.trees import ensemble
from delivery.onnx.converters.trees.tree_arrays import constant_tree, joined
from delivery.onnx.graph import NotConvertible
from tests.delivery.onnx.converters.trees.tree_harness import (
    Form,
    assert_equal_classifier,
    beside,
    classes_of,
    onnx_of,
    training,
)

FINITE_FLOATS = st.floats(width=32, allow_nan=False, allow_infinity=False)
THRESHOLDS = st.floats(-3.4e38, 3.4e38)


@given(FINITE_FLOATS, THRESHOLDS)
def test_law_a_threshold_rounded_down_parts_floats_alike(value, threshold):
    rounded = ensemble.rounded_down(np.array([threshold]))
    assert rounded.dtype == np.float32
    assert (np.float32(value) <= rounded[0]) == (value <= threshold)


@given(THRESHOLDS)
def test_law_also_beside_the_threshold(threshold):
    values = beside(np.array([threshold])).astype(np.float32)
    rounded = ensemble.rounded_down(np.array([threshold]))
    expected = values.astype(np.float64) <= threshold
    assert ((values <= rounded) == expected).all()


def test_joined_trees_point_into_their_own_nodes():
    trees = joined([constant_tree([1.0]), constant_tree([2.0]), constant_tree([3.0])])
    assert trees.roots.tolist() == [0, 1, 2]
    assert trees.is_leaf.all()
    assert trees.tree_of_leaf.tolist() == [0, 1, 2]


def test_more_nodes_than_a_form_may_have_are_refused(monkeypatch):
    monkeypatch.setattr(ensemble, "MOST_NODES", 100)
    frame = training()
    model = RandomForestClassifier(5, random_state=0).fit(frame, classes_of(frame, 2))
    with pytest.raises(NotConvertible, match="nodes in its trees, and an ONNX form may have 100"):
        onnx_of(model, 4)


def test_more_leaves_than_32_bits_number_are_numbered_in_64(monkeypatch):
    monkeypatch.setattr(ensemble, "EXACT_IN_FLOAT", 3)
    frame = training()
    model = RandomForestClassifier(5, max_depth=4, random_state=0)
    model.fit(frame, classes_of(frame, 3))
    assert_equal_classifier(model, frame)


def test_a_row_gets_the_same_answer_in_every_batch():
    frame = training()
    model = RandomForestClassifier(130, random_state=0).fit(frame, classes_of(frame, 3))
    form = Form(model, 4)
    whole = form.scores(frame)
    for size in (1, 2, 7, 129):
        assert form.scores(frame[:size]).tolist() == whole[:size].tolist()
