"""The router's HTTP, through real processes."""

import socket
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from rollout.state.split import keyed
from tests.router.router_harness import OPERATOR, SECRET, TOKEN_KEY, tensor
from tests.until import until


def test_a_prediction_names_model_version_and_ids(pair):
    answer = pair.predict({"x": [0.25, 0.75]}, {"x": [0.5, 0.5]}, **{"X-Request-Id": "mine"})
    assert answer.status_code == 200
    assert answer.json()["predictions"] == [[0.25, 0.75], [0.5, 0.5]]
    assert answer.json()["classes"] == [0, 1]
    assert answer.headers["x-request-id"] == "mine"
    assert answer.headers["x-model-version"] == answer.json()["version"]
    assert answer.headers["x-prediction-id"]


def test_a_unit_keeps_its_version(pair):
    versions = {
        pair.predict({"x": 1}, **{"X-Unit-Id": "anna"}).headers["x-model-version"]
        for _ in range(20)
    }
    assert len(versions) == 1


def test_units_are_split_by_weight(pair):
    with httpx.Client(base_url=pair.url) as client:
        asked = [
            client.post("/predict", json={"instances": [{"x": 1}]}, headers={"X-Unit-Id": f"u{i}"})
            for i in range(400)
        ]

    share = sum(answer.headers["x-model-version"] == "v2" for answer in asked) / len(asked)
    assert 0.04 < share < 0.17


def test_a_caller_may_ask_for_a_deployed_version(pair):
    assert pair.predict({}, **{"X-Model-Version": "v3"}).json()["predictions"] == [3.0]


def test_an_unknown_version_is_404_and_names_no_other(pair):
    answer = pair.predict({"x": 1}, **{"X-Model-Version": "v9"})
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["detail"] == "version 'v9' is not deployed"


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400),
        (b"{", 400),
        (b"[]", 400),
        (b'{"instances": {}}', 400),
        (b'{"instances": []}', 400),
        (b'{"instances": [{"x": NaN}]}', 400),
        (b'{"instances": [{"x": 1}], "other": 1}', 400),
        (b'{"instances": [' + b"[" * 50_000 + b"]" * 50_000 + b"]}", 400),
        (b'{"instances": [{"x": "\xff"}]}', 400),
        (b'{"instances": [' + b",".join([b'{"x":1}'] * 101) + b"]}", 413),
        (b'{"instances": ["' + b"a" * 300_000 + b'"]}', 413),
    ],
)
def test_a_bad_body_is_refused_with_its_cause(pair, body, status):
    answer = httpx.post(f"{pair.url}/predict", content=body)
    assert answer.status_code == status
    assert answer.json()["status"] == status
    assert answer.json()["detail"]


def test_get_predict_is_405(pair):
    assert httpx.get(f"{pair.url}/predict").status_code == 405


def test_a_bad_row_is_named_and_the_good_rows_are_answered(pair):
    answer = pair.predict({"x": 1}, {"x": 2, "fail": "input"}, {"x": 3})
    assert answer.status_code == 422
    assert answer.json()["errors"] == [
        {"row": 1, "status": 422, "column": "x", "detail": "input as asked"}
    ]
    assert answer.json()["predictions"] == [1, None, 3]


def test_one_bad_row_hurts_only_its_own_caller(pair):
    rows = [{"x": i, "slow_s": 0.05} | ({"fail": "input"} if i % 5 == 0 else {}) for i in range(40)]
    with ThreadPoolExecutor(20) as threads:
        answers = list(threads.map(pair.predict, rows))

    assert [answer.status_code for answer in answers] == [
        422 if i % 5 == 0 else 200 for i in range(40)
    ]
    assert [answer.json()["predictions"][0] for answer in answers if answer.status_code == 200] == [
        i for i in range(40) if i % 5
    ]


def test_a_row_that_only_the_version_finds_malformed_hurts_only_its_own_caller(pair):
    """A control character in a string passes the router's look at the outline of the body."""
    broken = b'{"instances": [{"x": "\x01"}]}'
    with ThreadPoolExecutor(20) as threads:
        good = [threads.submit(pair.predict, {"x": i, "slow_s": 0.05}) for i in range(20)]
        bad = [threads.submit(httpx.post, f"{pair.url}/predict", content=broken) for _ in range(4)]
        assert {future.result().status_code for future in good} == {200}
        assert {future.result().status_code for future in bad} == {400}


def test_a_model_failure_of_the_canary_is_answered_by_the_released_version(pair):
    unit = _unit_of(pair, "v2")
    answer = pair.predict({"x": 5, "fail": "model", "at": "v2"}, **{"X-Unit-Id": unit})
    assert answer.status_code == 200
    assert (answer.headers["x-model-version"], answer.headers["x-fallback-from"]) == ("v1", "v2")


def test_a_failing_canary_is_answered_by_the_released_version_and_counted(pair):
    unit = _unit_of(pair, "v2")
    before = pair.status()["versions"]["v2"]
    answer = pair.predict({"x": 5, "status": 503, "at": "v2"}, **{"X-Unit-Id": unit})
    assert answer.status_code == 200
    assert answer.headers["x-fallback-from"] == "v2"
    counted = ("errors", "fallbacks")
    until(
        lambda: all(pair.status()["versions"]["v2"][n] > before[n] for n in counted),
        "it counts against v2",
    )


def test_a_pinned_version_that_fails_is_not_replaced(pair):
    answer = pair.predict({"x": 5, "status": 500, "at": "v3"}, **{"X-Model-Version": "v3"})
    assert answer.status_code == 503
    assert answer.headers["retry-after"]
    assert "v3" in answer.json()["version"]


def test_a_model_failure_of_the_released_version_is_500(pair):
    answer = pair.predict(
        {"x": 5, "fail": "model", "at": "v1"}, **{"X-Unit-Id": _unit_of(pair, "v1")}
    )
    assert answer.status_code == 500
    assert answer.json()["errors"][0]["row"] == 0


def test_a_slow_canary_falls_back_inside_the_callers_deadline(pair):
    rows = {"x": 1, "slow_s": 1.0}
    answer = pair.predict(rows, **{"X-Unit-Id": _unit_of(pair, "v2"), "X-Timeout-Ms": "2500"})
    assert answer.status_code in (200, 504)
    until(lambda: pair.status()["versions"]["v2"]["fallbacks"] > 0, "a fallback was counted")


def test_a_callers_short_deadline_is_504(pair):
    answer = pair.predict(
        {"x": 1, "slow_s": 0.4}, **{"X-Timeout-Ms": "50", "X-Model-Version": "v3"}
    )
    assert answer.status_code == 504


def test_metrics_of_all_workers_are_added_up(pair):
    for index in range(30):
        pair.predict({"x": index}, **{"X-Model-Version": "v3"})

    counted = f"{pair.url}/metrics"

    def pinned():
        lines = httpx.get(counted).text.splitlines()
        found = [
            line
            for line in lines
            if line.startswith("sluice_requests_total") and 'role="pinned"' in line
        ]
        return (
            sum(
                float(line.rsplit(" ", 1)[1])
                for line in found
                if 'version="v3"' in line and 'code="200"' in line
            )
            >= 30
        )

    until(pinned, "30 pinned requests are counted")
    assert "sluice_workers 2.0" in httpx.get(counted).text


def test_feedback_counts_once(pair):
    token = pair.predict({"x": [0.1, 0.9]}).headers["x-prediction-id"]
    url = f"{pair.url}/feedback"
    assert httpx.post(url, json={"prediction_id": token, "label": 1}).json()["counted"] == 1
    again = httpx.post(
        url, json=[{"prediction_id": token, "label": 1}, {"prediction_id": "forged", "label": 0}]
    ).json()
    assert (again["counted"], again["duplicates"], again["invalid"][0]["index"]) == (0, 1, 1)


def test_an_id_says_who_answered_to_whoever_has_the_secret(pair):
    answer = pair.predict({"x": [0.1, 0.9]}, {"x": [0.8, 0.2]})
    url = f"{pair.url}/whoserved/{answer.headers['x-prediction-id']}"
    said = httpx.get(url, headers=OPERATOR).json()
    assert said["version"] == answer.headers["x-model-version"]
    assert {"weight", "at_ms", "serial"} <= set(said)
    assert (said["scores"], said["classes"]) == ([0.9, 0.2], ["1", "0"])


@pytest.mark.parametrize(
    "authorization",
    [
        "",
        "Bearer",
        "Bearer wrong",
        f"Bearer {SECRET}",
        OPERATOR["Authorization"].replace("Bearer", "Basic"),
        "Bearer \xe9",
    ],
)
def test_an_id_says_nothing_to_others(pair, authorization):
    token = pair.predict({"x": 1}).headers["x-prediction-id"]
    headers = {"Authorization": authorization.encode("latin-1")}
    answer = httpx.get(f"{pair.url}/whoserved/{token}", headers=headers)
    assert (answer.status_code, answer.json()["status"], answer.headers["www-authenticate"]) == (
        401,
        401,
        "Bearer",
    )


def test_an_id_that_was_not_signed_here_is_404(pair):
    token = pair.predict({"x": 1}).headers["x-prediction-id"]
    for wrong in ("forged", token[:-4] + "AAAA", "a" * 5000, token + "/x"):
        answer = httpx.get(f"{pair.url}/whoserved/{wrong}", headers=OPERATOR)
        assert (answer.status_code, answer.json()["status"]) == (404, 404)
        assert answer.headers["content-type"] == "application/problem+json"


def test_feedback_of_several_rows_is_a_list(pair):
    token = pair.predict({"x": [0.1, 0.9]}, {"x": [0.9, 0.1]}).headers["x-prediction-id"]
    url = f"{pair.url}/feedback"
    wrong = httpx.post(url, json={"prediction_id": token, "label": 1}).json()
    assert "1 labels for a prediction of 2 rows" in wrong["invalid"][0]["detail"]
    assert (
        httpx.post(url, json={"feedback": [{"prediction_id": token, "label": [1, 0]}]}).json()[
            "counted"
        ]
        == 2
    )


@pytest.mark.parametrize(
    "body", [b"", b"nonsense", b'{"label": 1}', b'{"prediction_id": 4, "label": 1}']
)
def test_malformed_feedback_is_400(pair, body):
    assert httpx.post(f"{pair.url}/feedback", content=body).status_code == 400


def test_the_open_inference_protocol_goes_to_one_version(pair):
    url = f"{pair.url}/v2/models/toy"
    answer = httpx.post(f"{url}/versions/v3/infer", json={"inputs": [tensor(7)]})
    assert answer.json()["outputs"][0]["data"] == [7.0]
    assert answer.headers["x-model-version"] == "v3"
    assert httpx.get(url).json()["name"] == "toy"
    assert httpx.get(f"{pair.url}/v2/models/other").json()["error"]
    assert httpx.get(f"{url}/versions/v9").status_code == 404


def test_health_pages_and_description_answer(pair):
    assert httpx.get(f"{pair.url}/v2/health/live").json() == {"live": True}
    assert httpx.get(f"{pair.url}/v2/health/ready").json()["ready"] is True
    assert "Sluice" in httpx.get(pair.url).text
    assert "/predict" in httpx.get(f"{pair.url}/docs").text
    assert httpx.get(f"{pair.url}/openapi.json").json()["openapi"].startswith("3.1")
    assert httpx.get(f"{pair.url}/nowhere").status_code == 404


def test_a_client_that_sends_half_a_request_does_not_hold_others(pair):
    host, port = pair.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port))) as slow:
        slow.sendall(b"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n{")
        assert pair.predict({"x": 1}).status_code == 200


def _unit_of(harness, version):
    """A unit that the split draws `version` for."""
    split = keyed(harness.ledger.split, TOKEN_KEY.encode())
    return next(f"unit-{i}" for i in range(10_000) if split.choose(f"unit-{i}".encode()) == version)
