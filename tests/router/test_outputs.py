"""Versions with several outputs, through a real router."""

import httpx


def predict(pair, *rows):
    """POST /predict."""
    return httpx.post(f"{pair.url}/predict", json={"instances": list(rows)}, timeout=120)


def test_further_outputs_stand_beside_the_predictions_one_a_row(pair):
    answer = predict(pair, {"x": 1.0, "twice": True}, {"x": 2.0}).json()
    assert answer["predictions"] == [1.0, 2.0]
    assert answer["outputs"] == {"twice": [[1.0, 2.0], [2.0, 4.0]]}
    assert answer["targets"] == ["toy"]


def test_an_answer_of_one_output_has_nothing_beside_its_predictions(pair):
    answer = predict(pair, {"x": 1.0}).json()
    assert not {"outputs", "targets"} & set(answer)


def test_a_bad_row_is_null_in_every_output(pair):
    answer = predict(pair, {"x": 1.0, "twice": True}, {"fail": "input"})
    assert answer.status_code == 422
    assert answer.json()["predictions"] == [1.0, None]
    assert answer.json()["outputs"] == {"twice": [[1.0, 2.0], None]}
