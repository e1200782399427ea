"""What a pipeline answers a row: a value, a list of them, or one probability a class."""

from datetime import date
from decimal import Decimal
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from delivery.errors import DeliveryError
from delivery.proof.output_checks import described_outputs
from delivery.recipe import Recipe
from service.bundle import Output
from service.runtimes.outputs import MOST_VALUES


def described(answers, output="predict", classes=None, failures=(), targets=None, labels=None):
    """The only output of a pipeline that gave these answers."""
    pipeline = SimpleNamespace()
    if classes is not None:
        pipeline.classes_ = classes

    recipe = Recipe(pipeline, pd.DataFrame({"a": [0]}), labels, output, targets=targets)
    (made,) = described_outputs(recipe, answers, dict.fromkeys(failures, "it failed"))
    return made


@pytest.mark.parametrize(
    ("value", "datatype"), [(1, "float"), (1.5, "float"), (True, "bool"), ("yes", "string")]
)
def test_one_plain_value_a_row_is_fine(value, datatype):
    made = described([None, value], failures=[0])
    assert made == Output(name="predict", shape=[], datatype=datatype)


def test_whole_numbers_are_integers_only_where_they_are_classes():
    assert described([0, 1], classes=np.array([0, 1])).datatype == "int"


def test_one_probability_a_class_is_fine():
    made = described([[0.25, 0.75]], "predict_proba", np.array([0, 1]))
    assert made == Output(name="predict_proba", shape=[2])


def test_a_list_a_row_has_its_length_and_the_names_of_its_targets():
    made = described([None, [1.0, 2.0]], failures=[0], targets=["low", "high"])
    assert made == Output(name="predict", shape=[2], names=["low", "high"])


def test_the_columns_of_the_labels_name_the_targets():
    made = described([[1.0, 2.0]], labels=pd.DataFrame({"x": [1.0], "y": [2.0]}))
    assert made.names == ["x", "y"]


@pytest.mark.parametrize("targets", [["low"], ["low", "low"], ["low", "middle", "high"]])
def test_targets_that_do_not_name_each_value_are_refused(targets):
    with pytest.raises(DeliveryError, match="predict gives 2 values a row: give each a name"):
        described([[1.0, 2.0]], targets=targets)


def test_a_name_of_half_a_character_is_refused():
    with pytest.raises(DeliveryError, match="names are texts that JSON can hold"):
        described([[1.0, 2.0]], targets=["low", "\ud800"])


def test_classes_of_several_targets_stand_target_by_target():
    made = described([[0, "b"]], classes=[np.array([0, 1]), np.array(["a", "b"])])
    assert (made.shape, made.classes, made.datatype) == ([2], [[0, 1], ["a", "b"]], "string")


def test_probabilities_of_several_targets_may_have_different_numbers_of_classes():
    classes = [np.array([0, 1]), np.array(["a", "b", "c"])]
    made = described([[[0.5, 0.5], [0.2, 0.3, 0.5]]], "predict_proba", classes)
    assert (made.shape, made.classes) == ([2, -1], [[0, 1], ["a", "b", "c"]])


def test_a_list_of_one_value_is_refused_with_the_next_step():
    with pytest.raises(DeliveryError, match=r"a list of 1 a row \(held-out row 1\).*ravel"):
        described([None, [1.0]], failures=[0])


@pytest.mark.parametrize("other", [[1.0], [1.0, 2.0, 3.0], 1.0])
def test_rows_of_different_shapes_are_refused_with_both(other):
    with pytest.raises(DeliveryError, match=r"held-out row 0 and .* in held-out row 1"):
        described([[1.0, 2.0], other], "transform")


@pytest.mark.parametrize("output", ["predict", "transform", "decision_function"])
def test_lists_of_lists_are_refused(output):
    with pytest.raises(DeliveryError, match=f"{output} gives a list of lists a row"):
        described([[[1.0], [2.0]]], output)


def test_a_wide_transform_is_refused_with_its_width():
    with pytest.raises(DeliveryError, match="4,097 values a row, and an answer holds at most 4,09"):
        described([[0.0] * (MOST_VALUES + 1)], "transform")


def test_an_empty_list_is_refused():
    with pytest.raises(DeliveryError, match="transform gives an empty list in held-out row 0"):
        described([[]], "transform")


@pytest.mark.parametrize(
    "value", [Decimal(1), date(2026, 1, 1), None, {"a": 1}, float("nan"), float("inf")]
)
@pytest.mark.parametrize("listed", [False, True])
def test_what_json_cannot_hold_is_refused_with_its_row(value, listed):
    good, bad = ([[1.0, 1.0]], [[1.0, value]]) if listed else ([1.0], [value])
    with pytest.raises(
        DeliveryError, match="in held-out row 1, and a version answers finite numbers, texts or"
    ):
        described([*good, *bad])


@pytest.mark.parametrize("value", [0.5, [0.5], [0.2, 0.3, 0.5], [[0.5, 0.5], [0.5, 0.5]]])
def test_another_number_of_probabilities_than_classes_is_refused(value):
    with pytest.raises(DeliveryError, match="held-out row 0, and 2 classes need 2 probabilities"):
        described([value], "predict_proba", np.array([0, 1]))


def test_probabilities_of_several_labels_are_refused_where_they_do_not_add_up():
    with pytest.raises(DeliveryError, match=r"add up to 1\.7.*serve output='predict'"):
        described([[0.9, 0.8]], "predict_proba", np.array([0, 1]))


def test_each_of_several_outputs_is_described_and_checked():
    recipe = Recipe(SimpleNamespace(), pd.DataFrame({"a": [0]}), None, ("predict", "transform"))
    answers = [{"predict": 1.5, "transform": [1.0, 2.0]}, None]
    made = described_outputs(recipe, answers, {1: "it failed"})
    assert [(output.name, output.shape) for output in made] == [("predict", []), ("transform", [2])]
    with pytest.raises(DeliveryError, match="transform gives nan"):
        described_outputs(recipe, [{"predict": 1.5, "transform": [float("nan"), 2.0]}], {})
