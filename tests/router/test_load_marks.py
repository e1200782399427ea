"""The mark at the router's door: the right one is left out of everything, any other is refused."""

import json
import time

import httpx
import pytest

from tests.router.router_harness import OPERATOR, TOKEN_KEY, router_harness
from tests.until import until
from wire.load_mark import HEADER, LASTS_S, make_mark, mark_key


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    with router_harness(tmp_path_factory.mktemp("load_marks")) as harness:
        harness.know(harness.version("v1", "[0,1]"))
        harness.split({"v1": 10_000})
        harness.router()
        yield harness


def mark(secret: str = TOKEN_KEY, model: str = "toy", at: float = 0.0) -> dict[str, str]:
    """The header of a mark that was made `at` seconds from now."""
    return {HEADER: make_mark(mark_key(secret.encode(), model), "run", time.time() + at)}


def metric(made, name: str) -> dict[str, float]:
    """The values of one metric by their labels."""
    text = httpx.get(f"{made.url}/metrics", headers=OPERATOR, timeout=120).text
    lines = [line.rsplit(" ", 1) for line in text.splitlines() if line.startswith(f"{name}{{")]
    return {labels: float(value) for labels, value in lines}


def test_a_marked_request_is_answered_and_stands_in_its_own_metric_alone(made):
    users = made.predict({"x": 1.0})
    before = metric(made, "sluice_requests_total"), metric(made, "sluice_predictions_total")
    for _ in range(5):
        answer = made.predict({"x": 1.0}, **mark())
        assert answer.status_code == 200
        assert answer.json()["predictions"] == users.json()["predictions"]

    load = metric(made, "sluice_load_requests_total")
    assert load == {'sluice_load_requests_total{code="200",version="v1"}': 5.0}
    after = metric(made, "sluice_requests_total"), metric(made, "sluice_predictions_total")
    assert after == before


def test_its_prediction_takes_no_label(made):
    token = made.predict({"x": 1.0}, **mark()).headers["x-prediction-id"]
    body = {"prediction_id": token, "label": 1}
    answer = httpx.post(f"{made.url}/feedback", json=body, timeout=120)
    assert "not signed here" in answer.text


def test_its_rows_are_no_recent_ones(made):
    made.predict({"x": 123_456_789.0}, **mark())
    made.predict({"x": 5.0})
    folder = made.folder / "run" / "recent" / "toy"

    def kept() -> str:
        return "".join(path.read_text() for path in folder.glob("*.jsonl"))

    until(lambda: '"x":5.0' in kept().replace(" ", ""), "the user's row is kept")
    assert "123456789" not in kept()


@pytest.mark.parametrize(
    ("headers", "reason"),
    [
        (mark(secret="another secret of sixteen"), "not signed"),
        (mark(model="loans"), "not signed"),
        ({HEADER: "x"}, "no mark"),
        ({HEADER: ""}, "no mark"),
        ({HEADER: "é" * 90}, "no mark"),
    ],
)
@pytest.mark.parametrize("path", ["/predict", "/invocations", "/v2/models/toy/infer"])
def test_any_other_mark_is_refused_with_the_reason_on_every_route(made, headers, reason, path):
    encoded = {name.encode(): value.encode() for name, value in headers.items()}
    answer = httpx.post(f"{made.url}{path}", json={}, headers=encoded, timeout=120)
    assert answer.status_code == 403
    assert reason in json.dumps(answer.json())


def test_an_old_mark_is_refused_and_so_is_one_given_twice(made):
    answer = made.predict({"x": 1.0}, **mark(at=-LASTS_S - 1))
    assert (answer.status_code, "expired" in answer.text) == (403, True)
    twice = [*mark().items()] * 2
    body = b'{"instances":[{"x":1.0}]}'
    answer = httpx.post(f"{made.url}/predict", content=body, headers=twice, timeout=120)
    assert (answer.status_code, "twice" in answer.text) == (400, True)
