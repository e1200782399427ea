"""One version over HTTP, through the real app."""

import json

import pytest

from service.app import LARGEST_BODY, create_app
from service.bundle import BundleError
from service.config import ServiceMisconfigured
from tests.delivery.loan_pipelines import ROW
from tests.service.service_client import SECRET, client, config, predict

BAD = {**ROW, "age": "old"}
FAILING = {**ROW, "city": "Rome"}


def problem(answer, status):
    """The problem JSON of an answer."""
    assert (answer.status_code, answer.content_type) == (status, "application/problem+json")
    assert (answer.json["status"], answer.json["type"]) == (status, "about:blank")
    assert answer.json["title"]
    assert answer.json["detail"]
    return answer.json


def message(answer, path):
    """What an error says: in the protocol's form under /v2, else in problem JSON."""
    if path.startswith("/v2"):
        assert answer.content_type == "application/json"
        assert set(answer.json) == {"error"}
        return answer.json["error"]
    return problem(answer, answer.status_code)["detail"]


def test_probabilities_come_as_a_list_a_row_with_their_classes(served):
    answer = predict(served("logistic"), ROW, {**ROW, "amount": 9000.0})
    assert (answer.status_code, answer.content_type) == (200, "application/json")
    assert set(answer.json) == {"model", "version", "predictions", "classes"}
    assert (answer.json["model"], answer.json["version"], answer.json["classes"]) == (
        "loans",
        "logistic",
        [0, 1],
    )
    assert [sum(row) for row in answer.json["predictions"]] == [pytest.approx(1), pytest.approx(1)]
    assert answer.json["predictions"][1][1] > answer.json["predictions"][0][1]


@pytest.mark.parametrize("runtime", ["onnx", "sklearn"])
@pytest.mark.parametrize(
    ("name", "answers", "classes"),
    [
        ("grades", ["så som så", "bad"], None),
        ("flags", [False, True], None),
        ("floats", [0.0, 1.0], None),
        ("price", [pytest.approx(1.10025), pytest.approx(5.0)], None),
        ("grade_odds", [3, 3], ["bad", "good", "så som så"]),
        ("logistic", [2, 2], [0, 1]),
    ],
)
def test_each_kind_of_answer_is_what_it_is_in_json(served, name, runtime, answers, classes):
    body = predict(served(name, runtime), ROW, {**ROW, "amount": 9000.0}).json
    result = [len(item) if isinstance(item, list) else item for item in body["predictions"]]
    assert result == answers
    assert [type(item) for item in result] == [type(item) for item in answers] or name == "price"
    assert body.get("classes") == classes


def test_the_version_and_the_models_time_are_in_the_headers(served):
    headers = predict(served("logistic"), ROW).headers
    assert headers["X-Model-Version"] == "logistic"
    reported = dict(item.split(";dur=") for item in headers["Server-Timing"].split(", "))
    assert float(reported["predict"]) > 0
    assert float(reported["cpu"]) > 0


def test_no_instances_are_answered_by_no_predictions(served):
    assert predict(served("logistic")).json["predictions"] == []


def test_the_content_type_does_not_matter(served):
    body = json.dumps({"instances": [ROW]})
    for kind in (
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "",
    ):
        assert served("logistic").post("/predict", data=body, content_type=kind).status_code == 200


def test_a_null_is_taken_where_training_had_one_and_an_unknown_city_as_the_pipeline_decides(served):
    rows = [{**ROW, "income": None}, {**ROW, "city": "東京"}, {**ROW, "city": ""}]
    assert predict(served("logistic"), *rows).status_code == 200
    body = problem(predict(served("strict"), *rows), 500)
    assert [error["row"] for error in body["errors"]] == [1, 2]


def test_text_may_be_null_only_where_training_had_one(served):
    row = {**ROW, "city": None}
    assert predict(served("unnamed"), row).status_code == 200
    assert problem(predict(served("logistic"), row), 422)["errors"][0]["column"] == "city"


def test_a_bad_row_is_named_and_the_good_rows_beside_it_are_answered(served):
    answer = predict(served("logistic"), ROW, BAD, ROW)
    body = problem(answer, 422)
    assert body["title"] == "a row does not fit the model"
    assert body["detail"] == "row 1, column 'age': Expected `int`, got `str`"
    assert body["errors"] == [
        {"row": 1, "status": 422, "column": "age", "detail": "Expected `int`, got `str`"}
    ]
    good = predict(served("logistic"), ROW).json["predictions"][0]
    assert body["predictions"] == [pytest.approx(good), None, pytest.approx(good)]
    assert answer.headers["X-Model-Version"] == "logistic"


def test_of_many_bad_rows_the_first_is_told_and_all_are_listed(served):
    body = problem(predict(served("logistic"), BAD, {}, None), 422)
    assert body["detail"].startswith("row 0, column 'age': ")
    assert body["detail"].endswith(" (and 2 more)")
    assert [error["row"] for error in body["errors"]] == [0, 1, 2]
    assert body["predictions"] == [None, None, None]


@pytest.mark.parametrize("runtime", ["onnx", "sklearn"])
def test_rows_that_the_model_fails_on_are_its_own_failure(served, runtime):
    body = problem(predict(served("strict", runtime), ROW, FAILING, ROW, FAILING), 500)
    assert body["title"] == "the model failed"
    assert [(error["row"], error["column"]) for error in body["errors"]] == [(1, None), (3, None)]
    assert [answer is None for answer in body["predictions"]] == [False, True, False, True]


def test_a_bad_row_beside_a_failing_one_is_the_callers_fault(served):
    body = problem(predict(served("strict"), FAILING, BAD), 422)
    assert [(error["row"], error["status"]) for error in body["errors"]] == [(0, 500), (1, 422)]


def test_a_batch_of_several_callers_is_answered_with_its_errors_beside_the_predictions(served):
    answer = predict(served("strict"), ROW, FAILING, BAD, **{"X-Sluice-Batch": "1"})
    assert (answer.status_code, answer.content_type) == (200, "application/json")
    assert [(error["row"], error["status"]) for error in answer.json["errors"]] == [
        (1, 500),
        (2, 422),
    ]
    assert [item is None for item in answer.json["predictions"]] == [False, True, True]
    assert answer.json["classes"] == [0, 1]
    assert "errors" not in predict(served("strict"), ROW, **{"X-Sluice-Batch": "1"}).json


@pytest.mark.parametrize("batch", [{}, {"X-Sluice-Batch": "1"}])
@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b'{"instances": {}}',
        b'{"rows": []}',
        b'{"instances": [{"amount": NaN}]}',
        b"\xff",
        b"[" * 99_999,
    ],
)
def test_a_malformed_body_is_refused_with_its_cause(served, body, batch):
    answer = served("logistic").post("/predict", data=body, headers=batch)
    assert problem(answer, 400)["title"] == "malformed request"


@pytest.mark.parametrize("path", ["/predict", "/v2/models/loans/infer"])
def test_a_body_that_is_too_large_is_refused(served, path):
    answer = served("logistic").post(path, data=b" " * (LARGEST_BODY + 1))
    assert answer.status_code == 413
    assert "exceeds the capacity" in message(answer, path)


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("get", "/predict", 405),
        ("put", "/predict", 405),
        ("post", "/metrics", 405),
        ("get", "/v2/models/loans/infer", 405),
        ("get", "/nowhere", 404),
        ("get", "/predict/", 404),
        ("get", "/static/x", 404),
    ],
)
def test_another_method_or_path_is_refused(served, method, path, status):
    answer = getattr(served("logistic"), method)(path)
    assert answer.status_code == status
    assert message(answer, path)
    assert ("Allow" in answer.headers) == (status == 405)


DOORS = [
    ("post", "/predict"),
    ("post", "/v2/models/loans/infer"),
    ("get", "/v2/models/loans"),
    ("get", "/v2/models/loans/ready"),
    ("get", "/v2/health/ready"),
    ("get", "/v2"),
    ("get", "/metrics"),
    ("get", "/nowhere"),
]


@pytest.mark.parametrize(
    "bearing",
    [
        None,
        "",
        SECRET,
        f"Bearer {SECRET[:-1]}",
        f"Bearer {SECRET}x",
        f"bearer {SECRET}",
        f"Basic {SECRET}",
        "Bearer ",
        f"Bearer {SECRET.upper()}",
        "Bearer ø",
    ],
)
@pytest.mark.parametrize(("method", "path"), DOORS)
def test_who_does_not_bear_the_secret_is_refused(served, method, path, bearing):
    stranger = served("logistic").application.test_client()
    headers = {} if bearing is None else {"Authorization": bearing}
    answer = getattr(stranger, method)(path, headers=headers)
    assert (answer.status_code, answer.headers["WWW-Authenticate"]) == (401, "Bearer")
    assert message(answer, path) == "missing or invalid bearer token"
    assert SECRET not in answer.text


def test_liveness_is_open_to_everybody(served):
    stranger = served("logistic").application.test_client()
    assert stranger.get("/v2/health/live").json == {"live": True}
    assert stranger.post("/v2/health/live").status_code == 405
    assert stranger.get("/v2/health/live/").status_code == 401


@pytest.mark.parametrize("path", ["/v2/models/loans", "/v2/models/loans/versions/logistic"])
def test_the_running_version_answers_its_golden_rows_again(served, path):
    answer = served("logistic").get(f"{path}/golden")
    assert answer.status_code == 200
    assert answer.json["golden_rows"] > 0


def test_golden_rows_that_were_changed_since_the_start_are_named(harness, copy):
    bundle = copy("logistic")
    app = client(create_app(config(bundle, harness.public)))
    golden = bundle / "golden.jsonl"
    golden.write_bytes(golden.read_bytes().replace(b"Oslo", b"Rome"))
    answer = app.get("/v2/models/loans/golden")
    assert answer.status_code == 500
    assert "golden.jsonl" in answer.json["error"]


def test_without_a_bundle_there_is_no_app(harness, tmp_path):
    with pytest.raises(BundleError, match=r"release\.yaml cannot be read"):
        create_app(config(tmp_path, harness.public))


def test_without_surroundings_there_is_no_app(monkeypatch):
    monkeypatch.delenv("SLUICE_BUNDLE", raising=False)
    with pytest.raises(ServiceMisconfigured, match="SLUICE_BUNDLE is missing"):
        create_app()


def test_a_runtime_that_is_not_certified_keeps_the_app_from_being_made(harness, delivered):
    with pytest.raises(BundleError, match="ONNX is not certified"):
        create_app(config(delivered("unnamed"), harness.public, runtime="onnx"))


def test_two_apps_in_one_process_do_not_know_each_other(served):
    answers = [
        predict(served(name), ROW).json["version"] for name in ("logistic", "strict", "logistic")
    ]
    assert answers == ["logistic", "strict", "logistic"]
