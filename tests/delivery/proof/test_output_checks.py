"""What a pipeline answers a row: one value or class, or one probability a class."""

from datetime import date
from decimal import Decimal

import pytest

from delivery.errors import DeliveryError
from delivery.proof.output_checks import require_one_answer_a_row


@pytest.mark.parametrize("value", [1, 1.5, True, "yes"])
def test_one_plain_value_a_row_is_fine(value):
    require_one_answer_a_row([None, value], {0: "it failed"}, "predict", None)


def test_one_probability_a_class_is_fine():
    require_one_answer_a_row([[0.25, 0.75]], {}, "predict_proba", [0, 1])


@pytest.mark.parametrize("width", [1, 2])
def test_a_list_a_row_is_refused_with_its_length_and_the_next_step(width):
    with pytest.raises(
        DeliveryError, match=rf"a list of {width} a row \(held-out row 1\).*one pipeline a target"
    ):
        require_one_answer_a_row([None, [1.0] * width], {0: "it failed"}, "predict", None)


@pytest.mark.parametrize(
    "value", [Decimal(1), date(2026, 1, 1), None, {"a": 1}, float("nan"), float("inf")]
)
def test_what_json_cannot_hold_is_refused_with_its_row(value):
    with pytest.raises(
        DeliveryError, match="in held-out row 1, and a version answers a finite number, a text or"
    ):
        require_one_answer_a_row([1.0, value], {}, "predict", None)


@pytest.mark.parametrize("value", [0.5, [0.5], [0.2, 0.3, 0.5], [[0.5, 0.5], [0.5, 0.5]]])
def test_another_number_of_probabilities_than_classes_is_refused(value):
    with pytest.raises(DeliveryError, match="held-out row 0, and 2 classes need 2 probabilities"):
        require_one_answer_a_row([value], {}, "predict_proba", [0, 1])


def test_probabilities_of_several_labels_are_refused_where_they_do_not_add_up():
    with pytest.raises(DeliveryError, match=r"add up to 1\.7.*one pipeline a label"):
        require_one_answer_a_row([[0.9, 0.8]], {}, "predict_proba", [0, 1])
