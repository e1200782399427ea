"""Debian's Prometheus scrapes a stack of two router workers and two versions."""

import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.e2e.conftest import new_stack
from tests.e2e.stack_harness import ROOT, StackHarness
from tests.loopback import free_port
from tests.until import until

OBSERVABILITY = ROOT / "observability"
DASHBOARD = json.loads((OBSERVABILITY / "dashboard.json").read_text())
QUERIES = [
    (panel["title"], target["expr"]) for panel in DASHBOARD["panels"] for target in panel["targets"]
]
GRAFANA_S = "10s"
pytestmark = pytest.mark.skipif(
    shutil.which("prometheus") is None, reason="prometheus is not installed: `make system`"
)


class Prometheus:
    """A Prometheus that scrapes one router each half second."""

    def __init__(self, folder: Path, router: str) -> None:
        folder.mkdir()
        shipped = (OBSERVABILITY / "prometheus.yml").read_text()
        own = shipped.replace("127.0.0.1:8000", router.removeprefix("http://"))
        (folder / "prometheus.yml").write_text(own.replace("15s", "500ms"))
        shutil.copy(OBSERVABILITY / "rules.yml", folder)
        port = free_port()
        self.ready = f"http://127.0.0.1:{port}/-/ready"
        self.url = f"http://127.0.0.1:{port}/api/v1"
        self.log = folder / "log"
        command = [
            "prometheus",
            f"--config.file={folder}/prometheus.yml",
            f"--storage.tsdb.path={folder}/data",
            f"--web.listen-address=127.0.0.1:{port}",
            "--enable-feature=exemplar-storage",
        ]
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log)

    def query(self, promql: str) -> list[dict]:
        """The samples that an instant query returns."""
        answer = httpx.get(f"{self.url}/query", params={"query": promql}, timeout=60).json()
        assert answer["status"] == "success", (promql, answer)
        return list(answer["data"]["result"])

    def value(self, promql: str) -> float:
        """The one value of a query, -1 where it returns none."""
        samples = self.query(promql)
        assert len(samples) <= 1
        return float(samples[0]["value"][1]) if samples else -1.0

    def labels(self, label: str) -> list[str]:
        """The values of a label."""
        return list(httpx.get(f"{self.url}/label/{label}/values", timeout=60).json()["data"])

    def exemplars(self, promql: str) -> list[dict]:
        """The exemplars of the last minutes."""
        now = self.value("vector(time())")
        span = {"query": promql, "start": str(now - 600), "end": str(now + 60)}
        answer = httpx.get(f"{self.url}/query_exemplars", params=span, timeout=60).json()
        return [one for series in answer["data"] for one in series["exemplars"]]

    def scrapes(self) -> bool:
        """Whether it answers queries and has scraped the router."""
        assert self.process.poll() is None, self.log.read_text()
        try:
            ready = httpx.get(self.ready, timeout=60).is_success
        except httpx.TransportError:
            return False
        return ready and self.value("sluice_workers") == 2

    def end(self) -> None:
        """End it, and wait."""
        self.process.terminate()
        self.process.wait(60)


@pytest.fixture(scope="module")
def scraped(delivered, tmp_path_factory) -> Iterator[tuple[StackHarness, Prometheus]]:
    """A stack of v1, released, and v2, deployed, with two router workers; and its Prometheus."""
    folder = tmp_path_factory.mktemp("scraped")
    (folder / "deploy.toml").write_text("[router]\nworkers = 2\n")
    stack = new_stack(delivered, folder, SLUICE_CONFIG=str(folder / "deploy.toml"))
    stack.up("v1", "v2")
    stack.wait_until_followed()
    prometheus = Prometheus(folder / "prometheus", stack.url)
    try:
        until(prometheus.scrapes, "Prometheus scrapes two workers")
        yield stack, prometheus
    finally:
        prometheus.end()
        stack.run("down")


def asked(query: str) -> str:
    """A query of the dashboard as Grafana asks it."""
    return query.replace("$job", "sluice").replace("$__rate_interval", GRAFANA_S)


def empty(prometheus: Prometheus) -> list[str]:
    """The panels of the dashboard that show nothing."""
    return [title for title, query in QUERIES if not prometheus.query(asked(query))]


def send(stack: StackHarness, count: int) -> None:
    """So many predictions, each of another user."""
    for number in range(count):
        assert stack.predict(**{"X-Unit-Id": f"user-{number}"}).status_code == 200


def test_every_query_of_the_dashboard_returns_data_without_and_with_a_canary(scraped) -> None:
    stack, prometheus = scraped
    total = "sum(sluice_requests_total)"
    send(stack, 40)
    until(lambda: prometheus.value(total) == 40, "40 requests are scraped")
    assert prometheus.value('sluice_rollout_state{state="none"}') == 1
    # A rate needs two scrapes.
    until(lambda: not empty(prometheus), "every panel has data without a canary")

    stack.run("canary", "v2", "--steps", "50")
    stack.wait_until_followed()
    send(stack, 60)
    until(lambda: prometheus.value(total) == 100, "100 requests are scraped")
    until(lambda: not empty(prometheus), "every panel has data with a canary")
    assert prometheus.value('sluice_rollout_state{state="running"}') == 1
    by_version = {
        sample["metric"]["version"]: float(sample["value"][1])
        for sample in prometheus.query("sum by (version) (sluice_requests_total)")
    }
    assert set(by_version) == {"v1", "v2"}
    status = httpx.get(f"{stack.url}/status", timeout=120).json()["versions"]
    assert by_version == {name: status[name]["requests"] for name in by_version}
    assert by_version["v2"] > 10
    assert prometheus.value("sum(sluice_split_requests)") == 60
    assert prometheus.value("sum(sluice_request_duration_seconds_count)") == 100
    stack.run("abort")


def test_the_rules_are_evaluated_and_nothing_is_wrong(scraped) -> None:
    stack, prometheus = scraped
    send(stack, 5)
    until(lambda: prometheus.query("version:sluice_requests:rate5m"), "the rules are evaluated")
    rules = httpx.get(f"{prometheus.url}/rules", timeout=60).json()["data"]["groups"]
    states = {rule["name"]: rule["health"] for group in rules for rule in group["rules"]}
    assert len(states) == 21
    assert set(states.values()) == {"ok"}
    assert prometheus.query('ALERTS{alertstate="firing"}') == []


def test_exemplars_lead_to_requests(scraped) -> None:
    stack, prometheus = scraped
    answers = [stack.predict(**{"X-Request-Id": f"asked-{n}"}) for n in range(9)]
    sent = {answer.headers["x-request-id"] for answer in answers}
    assert "asked-0" in sent

    def known() -> set[str]:
        exemplars = prometheus.exemplars("sluice_request_duration_seconds_bucket")
        assert all(set(one["labels"]) == {"version", "request_id"} for one in exemplars)
        return {one["labels"]["request_id"] for one in exemplars} & sent

    until(known, "Prometheus has an exemplar of these requests")


def test_the_dashboards_variable_has_the_job(scraped) -> None:
    _, prometheus = scraped
    assert "sluice" in prometheus.labels("job")


def test_promtool_has_nothing_to_say_of_a_real_stacks_metrics(scraped) -> None:
    stack, _ = scraped
    text = httpx.get(f"{stack.url}/metrics", timeout=120).text
    checked = subprocess.run(
        ["promtool", "check", "metrics"],
        input=text,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert (checked.returncode, checked.stdout, checked.stderr) == (0, "", "")
