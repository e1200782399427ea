"""A version counts rows and answers in the bins of its training, through the real app."""

import json

import pytest

from service.distributions.row_counter import MOST_ANSWERS, MOST_COLUMNS
from tests.delivery.loan_pipelines import ROW

PATH = "/v2/models/loans/versions/logistic/distributions"


def count(client, *groups):
    """The counts of groups of rows."""
    body = {"groups": [{"instances": rows, "answers": answers} for rows, answers in groups]}
    answer = client.post(f"{PATH}/count", json=body)
    assert answer.status_code == 200, answer.text
    return answer.json


def test_rows_are_counted_in_the_bins_of_training(served):
    client = served("logistic")
    watched = client.get(PATH).json
    assert watched["columns_of"] == "training"
    rows = [ROW, {**ROW, "city": "Nowhere", "age": 10**6}, {**ROW, "age": "old"}]
    (counts,) = count(client, (rows, []))
    assert (counts["rows"], counts["refused"]) == (3, 1)
    names = [bins["name"] for bins in watched["columns"]]
    for name, own, bins in zip(names, counts["columns"], watched["columns"], strict=True):
        assert len(own) == len(bins["counts"]) + 1, name
        assert sum(own) == 2, name

    unseen = -2
    assert counts["columns"][names.index("city")][unseen] == 1
    assert counts["columns"][names.index("age")][unseen] == 1


def test_answers_are_counted_by_class_and_groups_apart(served):
    client = served("logistic")
    names = [bins["name"] for bins in client.get(PATH).json["answers"]]
    assert names == ["predict_proba of 0", "predict_proba of 1"]
    first, second = count(client, ([ROW], [[0.25, 0.75]]), ([ROW, ROW], [[0.5, 0.5]] * 2))
    assert [sum(own) for own in first["answers"]] == [1, 1]
    assert [sum(own) for own in second["answers"]] == [2, 2]


def test_the_same_rows_are_the_same_counts_together_or_apart(served):
    client = served("logistic")
    rows = [{**ROW, "age": age, "income": age * 100.0} for age in range(20, 60)]
    (together,) = count(client, (rows, []))
    parts = count(client, (rows[:7], []), (rows[7:], []))
    for whole, one, other in zip(
        together["columns"], parts[0]["columns"], parts[1]["columns"], strict=True
    ):
        assert whole == [a + b for a, b in zip(one, other, strict=True)]


@pytest.mark.parametrize("body", [b"", b"[]", b'{"groups": 1}', b"\xff", b'{"groups": [{}]}'])
def test_what_is_no_group_of_rows_is_refused(served, body):
    answer = served("logistic").post(f"{PATH}/count", data=body)
    assert answer.status_code == 400
    assert "groups" in answer.json["error"]


def test_values_of_strangers_make_no_bins(served):
    client = served("logistic")
    rows = [{**ROW, "city": f"city {number}"} for number in range(500)]
    (counts,) = count(client, (rows, [["odd", None]] * 500))
    assert len(json.dumps(counts)) < 2_000
    assert len(counts["columns"]) <= MOST_COLUMNS
    assert len(counts["answers"]) <= MOST_ANSWERS
    # Texts are none of the numbers that were seen; None is null.
    assert [sum(own) for own in counts["answers"]] == [0, 500]
