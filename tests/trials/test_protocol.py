"""Clients of the Open Inference Protocol: the standard's answers, and its own form of errors."""

import gzip
import json

import pytest

from tests.trials.test_http import exchange, request
from tests.trials.test_units import INFER, TENSORS

A = {"name": "a", "shape": [1], "datatype": "FP64", "data": [1.0]}
B, C = ({"name": name, "shape": [1], "datatype": "FP64", "data": [0.0]} for name in "bc")


def infer(stack, body, headers="", target=INFER):
    """One answer."""
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return exchange(stack, request(target=target, body=raw, headers=f"X-Unit-Id: u\r\n{headers}"))


@pytest.mark.parametrize(
    "body",
    [
        {"inputs": [A, B, C]},
        {"id": "r1", "inputs": [A, B, C]},
        {"parameters": {"content_type": "pd"}, "inputs": [A, B, C]},
        {"inputs": [{**A, "shape": [1, 1], "data": [[1.0]]}, B, C]},
        {"inputs": [{**A, "datatype": "FP32"}, B, C]},
        {"inputs": [{**A, "datatype": "INT32", "data": [1]}, B, C]},
        {"inputs": [{**A, "datatype": "UINT8", "data": [1]}, B, C]},
        {"inputs": [A, B, C], "outputs": [{"name": "predict"}]},
    ],
)
def test_what_the_protocol_allows_is_served(stack, body):
    answer = infer(stack, body)
    assert answer.status == 200, answer
    (output,) = answer.json["outputs"]
    assert output["shape"] == [1]
    assert output["data"][0] in (0, 1)
    assert answer.json.get("id") == body.get("id")


def test_gzip_is_served(stack):
    assert infer(stack, gzip.compress(TENSORS), "Content-Encoding: gzip\r\n").status == 200


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"inputs": [{**A, "data": [None]}, B, C]}, "a"),
        ({"inputs": [{**A, "shape": [2]}, B, C]}, "'a'"),
        ({"inputs": [{**A, "datatype": "FP99"}, B, C]}, "FP99"),
        ({"inputs": [A, B]}, "'c'"),
        ({"inputs": [A, A, B, C]}, "twice"),
        ({"inputs": [A, B, C], "outputs": [{"name": "nope"}]}, "nope"),
        ({}, "inputs"),
        (b"[", ""),
    ],
)
def test_the_rest_is_refused_in_the_protocols_form(stack, body, message):
    answer = infer(stack, body)
    assert answer.status == 400, answer
    assert set(answer.json) == {"error"}
    assert message in answer.json["error"]


@pytest.mark.parametrize(
    ("method", "target", "status"),
    [
        ("GET", "/v2/models/nope", 404),
        ("POST", "/v2/models/nope/infer", 404),
        ("GET", "/v2/models/cases/versions/nope/ready", 404),
        ("GET", INFER, 405),
        ("POST", "/v2/models/cases", 405),
        ("GET", "/v2/nothing", 404),
        ("POST", f"{INFER}/", 404),
    ],
)
def test_errors_of_every_path_have_the_protocols_form(stack, method, target, status):
    answer = exchange(stack, request(method, target, TENSORS if method == "POST" else b""))
    assert answer.status == status, answer
    assert set(answer.json) == {"error"}
    if status == 405:
        assert answer.headers["allow"]


def test_errors_do_not_list_what_is_deployed(stack):
    answer = exchange(stack, request("GET", "/v2/models/cases/versions/nope", b""))
    assert "f2" not in answer.body.decode()


@pytest.mark.parametrize(
    "target", ["/v2", "/v2/health/live", "/v2/health/ready", "/v2/models/cases"]
)
def test_what_describes_the_server_answers(stack, target):
    answer = exchange(stack, request("GET", target, b""))
    assert (answer.status, answer.headers["content-type"]) == (200, "application/json")
