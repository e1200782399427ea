"""Decision trees and forests answer in ONNX as scikit-learn does, on thresholds and in ties."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn.ensemble import (
    ExtraTreesClassifier,
    ExtraTreesRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.tree import (
    DecisionTreeClassifier,
    DecisionTreeRegressor,
    ExtraTreeClassifier,
    ExtraTreeRegressor,
)

from tests.delivery.onnx.converters.trees.tree_harness import (
    Form,
    adversarial,
    assert_equal_classifier,
    assert_equal_regressor,
    classes_of,
    quiet,
    thresholds_of,
    training,
    with_nulls,
)

FRAME = training()
VALUES = FRAME[:, 0] * 3 + FRAME[:, 1] ** 2
CLASSIFIERS = [
    DecisionTreeClassifier(random_state=0),
    DecisionTreeClassifier(max_depth=3, random_state=0),
    ExtraTreeClassifier(random_state=0),
    RandomForestClassifier(4, random_state=0),
    RandomForestClassifier(30, max_depth=5, criterion="entropy", random_state=0),
    RandomForestClassifier(20, class_weight="balanced", max_features=1, random_state=0),
    ExtraTreesClassifier(20, random_state=0),
]
REGRESSORS = [
    DecisionTreeRegressor(random_state=0),
    ExtraTreeRegressor(random_state=0),
    RandomForestRegressor(20, random_state=0),
    RandomForestRegressor(5, criterion="absolute_error", max_depth=4, random_state=0),
    ExtraTreesRegressor(20, random_state=0),
]


def rows_for(model, nulls):
    return adversarial(FRAME, thresholds_of(getattr(model, "estimators_", [model])), nulls)


@pytest.mark.parametrize("count", [2, 3, 7])
@pytest.mark.parametrize("model", CLASSIFIERS, ids=str)
def test_a_classifier_names_the_same_class_on_and_beside_its_thresholds(model, count):
    model.fit(FRAME, classes_of(FRAME, count))
    assert_equal_classifier(model, rows_for(model, nulls=False))


@pytest.mark.parametrize("model", CLASSIFIERS, ids=str)
def test_a_classifier_that_learned_from_nulls_sends_them_the_same_way(model):
    model.fit(with_nulls(FRAME), classes_of(FRAME, 3))
    assert_equal_classifier(model, rows_for(model, nulls=True))


def test_nulls_that_training_did_not_have_go_the_same_way():
    model = RandomForestClassifier(20, random_state=0).fit(FRAME, classes_of(FRAME, 2))
    assert_equal_classifier(model, rows_for(model, nulls=True))


@pytest.mark.parametrize("model", REGRESSORS, ids=str)
def test_a_regressor_gives_the_same_value_to_the_last_bit(model):
    model.fit(FRAME, VALUES)
    assert_equal_regressor(model, rows_for(model, nulls=False))


def test_a_regressor_of_two_outputs_gives_both():
    model = RandomForestRegressor(10, random_state=0).fit(FRAME, np.c_[VALUES, -VALUES])
    assert_equal_regressor(model, rows_for(model, nulls=False))


@pytest.mark.parametrize("classes", [["b", "a"], [3, -1], [True, False], [0.0, 1.0]])
def test_classes_of_any_kind_are_named(classes):
    labels = np.array(classes)[classes_of(FRAME, 2)]
    model = RandomForestClassifier(5, random_state=0).fit(FRAME, labels)
    assert_equal_classifier(model, rows_for(model, nulls=False))


def test_a_tree_of_one_leaf_answers_what_the_leaf_holds():
    model = RandomForestClassifier(3, min_samples_leaf=200, random_state=0)
    model.fit(FRAME, classes_of(FRAME, 2))
    assert [tree.tree_.node_count for tree in model.estimators_] == [1, 1, 1]
    assert_equal_classifier(model, FRAME[:9])


def test_trees_of_one_leaf_and_of_many_stand_side_by_side():
    frame, labels = FRAME[:9].copy(), np.array([0] * 8 + [1])
    model = RandomForestClassifier(12, random_state=0).fit(frame, labels)
    counts = {tree.tree_.node_count for tree in model.estimators_}
    assert 1 in counts
    assert len(counts) > 1
    assert_equal_classifier(model, frame)


def test_in_a_tie_the_first_class_wins():
    frame, labels = np.array([[0.0], [0.0], [1.0], [1.0]]), np.array([1, 0, 1, 0])
    model = DecisionTreeClassifier(random_state=0).fit(frame, labels)
    form = Form(model, 1)
    assert form.scores(frame).tolist() == [[0.5, 0.5]] * 4
    assert form.predict(frame).tolist() == model.predict(frame).tolist() == [0] * 4


@pytest.mark.parametrize("seed", range(4))
def test_forests_of_few_trees_tie_as_they_do_in_scikit_learn(seed):
    chance = np.random.default_rng(seed)
    frame = chance.normal(size=(60, 3))
    model = RandomForestClassifier(4, random_state=seed).fit(frame, chance.integers(0, 3, 60))
    rows = chance.normal(size=(500, 3))
    probabilities = model.predict_proba(rows)
    ordered = np.sort(probabilities, axis=1)
    assert (ordered[:, -1] == ordered[:, -2]).any()
    form = Form(model, 3)
    assert form.scores(rows).tolist() == probabilities.tolist()
    assert form.predict(rows).tolist() == model.predict(rows).tolist()


@pytest.mark.parametrize("value", [np.inf, -np.inf, 1e39, -3.5e38])
def test_a_number_that_32_bits_do_not_hold_fails_in_both(value):
    model = RandomForestClassifier(5, random_state=0).fit(FRAME, classes_of(FRAME, 2))
    row = FRAME[:1].copy()
    row[0, 2] = value
    with pytest.raises(ValueError, match="infinity"):
        _predicted(model, row)
    with pytest.raises(Exception, match="out of data bounds"):
        Form(model, 4).predict(row)


def test_a_null_fails_in_both_where_the_model_takes_none():
    model = DecisionTreeClassifier(monotonic_cst=[1, 0, 0, 0], random_state=0)
    model.fit(FRAME, classes_of(FRAME, 2))
    row = FRAME[:1].copy()
    row[0, 1] = np.nan
    scikit_learn_fails = _fails(model, row)
    assert _fails(Form(model, 4), row) == scikit_learn_fails


def _predicted(model, row):
    with quiet():
        return model.predict(row)


def _fails(model, row):
    try:
        _predicted(model, row)
    except Exception:  # noqa: BLE001 (ONNX Runtime's errors have no common root)
        return True
    return False


LAW = RandomForestClassifier(12, max_depth=6, random_state=0).fit(
    with_nulls(FRAME), classes_of(FRAME, 3)
)
LAW_FORM = Form(LAW, 4)
BOUND = 3.4e38


@settings(deadline=None, max_examples=300)
@given(arrays(np.float64, (3, 4), elements=st.floats(-BOUND, BOUND) | st.just(np.nan)))
def test_law_every_row_of_doubles_gets_the_same_answer(rows):
    with quiet():
        probabilities, classes = LAW.predict_proba(rows), LAW.predict(rows)

    assert LAW_FORM.scores(rows).tolist() == probabilities.tolist()
    assert LAW_FORM.predict(rows).tolist() == classes.tolist()
