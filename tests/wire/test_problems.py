"""Errors that are answered without the app, in the form of the path that was asked for."""

import json

import pytest

from wire.problems import problem


@pytest.mark.parametrize("url", [b"", b"/predict", b"/v2", b"/invocations"])
def test_an_error_is_problem_json(url):
    headers, body = problem(408, "late", "send it in one go", url)
    assert headers == [(b"content-type", b"application/problem+json")]
    assert json.loads(body)["detail"] == "send it in one go"


def test_an_error_under_v2_has_the_protocols_form():
    headers, body = problem(408, "late", "send it in one go", b"/v2/models/flights/infer")
    assert headers == [(b"content-type", b"application/json")]
    assert json.loads(body) == {"error": "send it in one go"}
