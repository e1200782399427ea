"""Failed requests are told with id, version and rollout, a few a second, and never with a row."""

import json
import logging

import pytest

from router.observability.failure_log import MOST_PER_S, FailureLog
from tests.router.router_harness import OPERATOR, SECRET, TOKEN_KEY, router_harness
from tests.until import until

ROW = {"x": 5, "name": "Ann Smith"}
SETTINGS = '[logs]\nformat = "json"\n'


def test_so_many_lines_a_second_and_the_rest_is_counted(caplog) -> None:
    caplog.set_level(logging.INFO, "sluice.requests")
    now = 1.0
    failures = FailureLog(lambda: now)
    for number in range(MOST_PER_S + 5):
        failures.refused(b"%d" % number, 503, "v2", "toy:3", "shed")

    assert len(caplog.records) == MOST_PER_S
    now = 2.0
    failures.fell_back(b"next", "v2", "v1", "toy:3")
    assert caplog.messages[-1] == "v2 failed, another version answered (5 more before it)"


@pytest.fixture(scope="module")
def talking(tmp_path_factory):
    """A router that logs JSON, with v1 released and v2 at half of the traffic."""
    with router_harness(tmp_path_factory.mktemp("talking"), settings=SETTINGS) as made:
        made.know(made.version("v1", "[0,1]"), made.version("v2", "[0,1]"))
        made.split({"v1": 5_000, "v2": 5_000})
        made.router()
        yield made


def lines(router) -> list[dict]:
    """Every line of the router's log, each a JSON object."""
    return [json.loads(line) for line in router.log("router").splitlines()]


def line_of(router, request_id: str) -> dict:
    """The line about one request."""

    def known():
        return [line for line in lines(router) if line.get("request_id") == request_id]

    return until(known, f"the log tells of {request_id}")[0]


def test_a_failed_request_is_told_with_its_id_and_version(talking) -> None:
    answer = talking.predict({**ROW, "status": 500}, **{"X-Request-Id": "both-fail"})
    assert answer.status_code == 503
    line = line_of(talking, "both-fail")
    assert (line["level"], line["logger"]) == ("WARNING", "sluice.requests")
    assert (line["status"], line["reason"]) == (503, "http_5xx")
    assert line["version"] in ("v1", "v2")
    assert line["process_type"] == "router"


def test_a_request_that_another_version_answered_is_told(talking) -> None:
    for number in range(20):
        row = {**ROW, "fail": "model", "at": "v2"}
        answer = talking.predict(row, **{"X-Request-Id": f"fell-{number}"})
        if "x-fallback-from" in answer.headers:
            break

    line = line_of(talking, f"fell-{number}")
    assert line["message"] == "v2 failed, another version answered"
    assert (line["level"], line["version"]) == ("INFO", "v1")


def test_requests_that_were_answered_are_not_logged(talking) -> None:
    assert talking.predict(ROW, **{"X-Request-Id": "all-well"}).status_code == 200
    assert talking.status()["workers"]
    talking.predict({**ROW, "status": 500}, **{"X-Request-Id": "after-it"})
    line_of(talking, "after-it")
    assert "all-well" not in talking.log("router")
    assert "/status" not in talking.log("router")
    # The toy versions have no distributions, which is told once of each.
    of_drift = [line["message"] for line in lines(talking) if line["logger"] == "sluice.drift"]
    assert len(of_drift) == len(set(of_drift))
    others = {line["logger"] for line in lines(talking)} - {"sluice.drift"}
    assert others <= {"gunicorn.error", "sluice.requests"}


def test_no_line_has_a_row_or_a_token(talking) -> None:
    talking.predict({**ROW, "fail": "input"})
    own = {"Authorization": "Bearer a-users-own-token", "X-Request-Id": "with-a-token"}
    talking.predict({**ROW, "status": 500}, **own)
    line_of(talking, "with-a-token")
    text = talking.log("router")
    assert lines(talking)
    for secret in ("Ann Smith", "a-users-own-token", SECRET, TOKEN_KEY, OPERATOR["Authorization"]):
        assert secret not in text
