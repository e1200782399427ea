"""A model that MLflow saved, delivered with two outputs, and served by a whole stack."""

import httpx
import pytest

from tests.e2e.stack_harness import ROOT, StackHarness
from tests.until import until

MODEL = ROOT / "tests" / "delivery" / "fixtures" / "mlflow" / "table"
BOTH = ("--output", "predict,predict_proba")
LOAN = {"amount": 5200.0, "age": 51, "member": True, "city": "Bergen"}


@pytest.fixture(scope="module")
def loans(tmp_path_factory):
    """A stack that serves the model with two outputs; v2 answers one of them alone."""
    made = StackHarness(tmp_path_factory.mktemp("loans"))
    made.run("deliver", "v1", "--from", str(MODEL), *BOTH)
    made.run("deliver", "v2", "--from", str(MODEL), "--output", "predict")
    made.up("v1", "v2")
    yield made
    made.run("down")


def answered(response):
    """A prediction; None of a deadline that a busy machine missed."""
    assert response.status_code in (200, 503, 504), response.text
    return response if response.status_code == 200 else None


def test_every_output_is_answered_and_labels_are_of_the_first(loans):
    answer = until(lambda: answered(loans.predict(LOAN)), "the model answers in time")
    body = answer.json()
    (probabilities,) = body["outputs"]["predict_proba"]
    assert (body["predictions"], body["classes"]) == ([True], [False, True])
    assert probabilities[1] > 0.9
    label = {"prediction_id": answer.headers["x-prediction-id"], "label": True}
    counted = httpx.post(f"{loans.url}/feedback", json={"feedback": [label]}, timeout=120)
    assert counted.json()["counted"] == 1


def test_the_protocol_has_a_tensor_for_each_output(loans):
    kinds = {"amount": "FP64", "age": "INT64", "member": "BOOL", "city": "BYTES"}
    inputs = [
        {"name": name, "datatype": kinds[name], "shape": [1], "data": [value]}
        for name, value in LOAN.items()
    ]
    url = f"{loans.url}/v2/models/flights/infer"
    outputs = httpx.post(url, json={"inputs": inputs}, timeout=120).json()["outputs"]
    assert [(output["name"], output["shape"]) for output in outputs] == [
        ("predict", [1]),
        ("predict_proba", [1, 2]),
    ]


def test_a_version_with_an_output_less_breaks_the_contract(loans):
    refused = loans.run("canary", "v2", "--steps", "10", check=False)
    assert refused.code == 6, refused.out
    assert "output 'predict_proba' is gone" in refused.out
