"""Outputs of every kind in files: columns with the service's own answers."""

import numpy as np
import pytest

from tests.batch.batch_harness import BatchHarness
from tests.delivery.test_outputs import HELD_OUT

CLASSES = ["x", "y", "z"]


@pytest.fixture
def scored(bundles_of, tmp_path):
    """A batch harness with the recipes of tests/batch/output_recipes.py."""
    harness = BatchHarness(tmp_path, bundles_of("tests.batch.output_recipes"))
    harness.write(HELD_OUT)
    return harness


def run(scored, name):
    """The output of a run, and the service's answers."""
    ended = scored.run(name)
    assert (ended.state, ended.bad) == ("done", 0), scored.bad_rows()[:1]
    return scored.output(), scored.served(name, HELD_OUT)


def columns(table, names):
    """Lists of the values of some columns by row."""
    return [list(row.values()) for row in table.select(names).to_pylist()]


def test_several_outputs_are_columns_that_begin_with_the_outputs_name(scored):
    table, served = run(scored, "kinds")
    odds = [f"predict_proba_{name}" for name in CLASSES]
    assert table.column_names == ["predict", *odds]
    assert table["predict"].to_pylist() == [answer["predict"] for answer in served]
    assert columns(table, odds) == [answer["predict_proba"] for answer in served]


def test_a_number_for_each_target_has_the_targets_name(scored):
    table, served = run(scored, "two_numbers")
    assert table.column_names == ["prediction_large", "prediction_small"]
    assert columns(table, table.column_names) == served


def test_scores_of_classes_have_the_classes_names(scored):
    table, served = run(scored, "margins")
    assert table.column_names == [f"prediction_{name}" for name in CLASSES]
    assert columns(table, table.column_names) == served


def test_one_score_a_row_is_one_column(scored):
    table, served = run(scored, "margin")
    assert table.column_names == ["prediction"]
    assert table["prediction"].to_pylist() == served


def test_a_transform_has_the_names_of_its_columns(scored):
    table, served = run(scored, "components")
    assert table.column_names == ["prediction_pca0", "prediction_pca1"]
    assert columns(table, table.column_names) == served


def test_probabilities_of_targets_with_different_classes_have_both_names(scored):
    table, served = run(scored, "two_odds")
    kinds = [f"probability_kind_{name}" for name in CLASSES]
    assert table.column_names == [*kinds, "probability_sign_+", "probability_sign_-"]
    flat = [[number for target in answer for number in target] for answer in served]
    assert columns(table, table.column_names) == flat


@pytest.mark.parametrize("name", ["kinds", "two_numbers", "margins", "components", "two_odds"])
def test_a_row_that_fails_is_null_in_every_column(scored, name):
    frame = HELD_OUT.copy()
    frame.loc[3, "a"] = np.inf
    scored.write(frame)
    assert scored.run(name).bad == 1
    (row,) = scored.output().slice(3, 1).to_pylist()
    assert set(row.values()) == {None}


@pytest.mark.parametrize("name", ["kinds", "two_numbers", "margin"])
def test_arrays_and_lists_become_the_same_columns(scored, name):
    model = scored.loaded(name)
    answer, listed = model.model.answer(model.rows), model.model.predict(model.rows)
    arrays = model.answers.of_answer(answer, len(listed))
    values = model.answers.of_values(listed)
    assert [array.equals(other) for array, other in zip(arrays, values, strict=True)] == [
        True
    ] * len(model.answers.schema)


@pytest.mark.parametrize("wrong", [np.nan, np.inf])
def test_nan_and_infinity_are_refused_in_arrays_too(scored, wrong):
    model = scored.loaded("two_numbers")
    with pytest.raises(ValueError, match="answered NaN or infinity"):
        model.answers.of_answer({"predict": np.array([[1.0, wrong]])}, 1)


def test_another_number_of_rows_is_refused(scored):
    model = scored.loaded("two_numbers")
    with pytest.raises(ValueError, match="1 predictions for 2 rows"):
        model.answers.of_answer({"predict": np.array([[1.0, 2.0]])}, 2)
