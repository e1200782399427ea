"""Logs as JSON and spans of a whole stack: router, batch and version in one trace."""

import json
from pathlib import Path

import pytest

from benchmarks.otlp_receiver import otlp_receiver
from tests.e2e.conftest import new_stack
from tests.e2e.stack_harness import ROW
from tests.until import until

TRACE, CALLER = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
HEADERS = {"traceparent": f"00-{TRACE}-{CALLER}-01", "X-Request-Id": "traced-1"}


@pytest.fixture(scope="module")
def watched(delivered, tmp_path_factory):
    """A stack that logs JSON and sends the spans of callers that ask for them; its collector."""
    folder = tmp_path_factory.mktemp("watched")
    with otlp_receiver() as collector:
        settings = f'[logs]\nformat = "json"\n[traces]\nendpoint = "{collector.url}"\nratio = 0\n'
        (folder / "deploy.toml").write_text(settings)
        own = {"SLUICE_CONFIG": str(folder / "deploy.toml"), "OTEL_BSP_SCHEDULE_DELAY": "50"}
        stack = new_stack(delivered, folder, **own)
        stack.up("v1", "v2")
        stack.wait_until_followed()
        yield stack, collector
        stack.run("down")


def lines(log: Path) -> list[dict]:
    """A log's lines, each a JSON object."""
    return [json.loads(line) for line in log.read_text().splitlines()]


def test_router_batch_and_version_are_one_trace(watched) -> None:
    stack, collector = watched
    assert stack.predict(**HEADERS).status_code == 200
    until(lambda: len(collector.of_trace(TRACE)) == 3, "three spans")
    by_name = {span.name: span for span in collector.of_trace(TRACE)}
    request, batch, version = (
        by_name[name] for name in ("POST /predict", "batch to v1", "predict")
    )
    assert [request.parent, batch.parent, version.parent] == [
        CALLER,
        request.span_id,
        batch.span_id,
    ]
    assert [request.service, version.service] == ["sluice-router", "sluice-service"]
    assert version.resource["service.version"] == "v1"
    assert version.attributes == {"http.response.status_code": 200}
    assert request.seconds > batch.seconds > version.seconds > 0


def test_every_line_is_an_object_of_router_and_version_alike(watched) -> None:
    stack, _ = watched
    stack.run("canary", "v2", "--steps", "10,50", "--every", "1s")
    released = stack.folder / "var" / "log" / "router.log"

    def acts() -> list[dict]:
        return [line for line in lines(released) if line["logger"] == "sluice.conductor"]

    act = until(acts, "the controller tells of its act")[0]
    assert (act["level"], act["version"]) == ("INFO", "v2")
    assert act["rollout"].startswith("flights:")
    assert act["revision"] > 1
    (log,) = (stack.folder / "var" / "log").glob("v1-*.log")
    assert {line["process_type"] for line in lines(released)} == {"router"}
    assert {line["process_type"] for line in lines(log)} == {"service"}
    assert {line.get("version") for line in lines(log)[-1:]} == {"v1"}


def test_no_line_has_a_row_or_a_secret(watched) -> None:
    stack, _ = watched
    stack.predict({**ROW, "age": "forty-one"})
    secrets = [path.read_text().strip() for path in (stack.folder / "var" / "secrets").iterdir()]
    for log in (stack.folder / "var" / "log").glob("*.log"):
        text = log.read_text()
        assert not any(secret in text for secret in [*secrets, "forty-one", "1200.5", "Oslo"])
