"""Names and units by Prometheus' convention, and what is exposed is what the table says."""

import re
import shutil
import subprocess

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics
from prometheus_client.parser import text_string_to_metric_families as plain

from rollout.state.ledger import Rollout
from router.endpoints.metrics_text import STATES, Scraped, exposition
from router.evidence.worker_metrics import OPAQUE, Snapshot, WorkerMetrics
from router.observability.metric_table import METRICS
from tests.rollout.drift.drift_factory import REPORT

OPEN = "application/openmetrics-text; version=1.0.0"
CANARY = Rollout("toy:4", "canary", "v2", "v1", (), 0, 0.0, 0.0, "ann")
BASE_UNITS = {"", "seconds", "rows", "ratio"}


def snapshot(request_id: bytes = b"ab12-cd34") -> Snapshot:
    """What a worker publishes that has counted something of everything."""
    counts = WorkerMetrics()
    for version, role in (("v1", "released"), ("v2", "serving")):
        counts.request(version, role, 200, 0.0012, request_id)
        counts.request(version, role, 500, 0.3, request_id)

    for metric in METRICS:
        if metric.counted in ("batch_rows", "values"):
            counts.add((metric.counted, "v1", "1"))
        elif metric.kind == "counter" and metric.counted != "requests":
            counts.add((metric.counted, *("x" for _ in metric.labels)))

    gauges = {"verdict\x1fall": 0.3, "in_flight\x1fv1": 2.0, "queue_rows\x1fv1": 1.0}
    gauges |= {"drawn\x1fsplit\x1fv1": 3.0, "drawn\x1fsplit\x1fv2": 1.0}
    examples = counts.examples(1_700_000_000.0)
    return Snapshot(1, counts.flat(), gauges, 7, 0.2, examples=examples)


def text(accept: str = "", rollout: Rollout | None = CANARY, **of: bytes) -> tuple[str, str]:
    """One scrape."""
    table = Scraped({"v1": 7_500, "v2": 2_500}, "split", rollout, REPORT)
    body, content_type = exposition([snapshot(**of)], table, accept)
    return body.decode(), content_type


@pytest.mark.parametrize("metric", METRICS, ids=lambda metric: metric.name)
def test_a_name_ends_in_its_unit_and_in_total_only_where_it_grows(metric) -> None:
    assert metric.unit in BASE_UNITS
    assert (metric.kind == "counter") == metric.name.endswith("_total")
    assert metric.name.removesuffix("_total").endswith(metric.unit)
    if metric.kind == "histogram" and "duration" in metric.name:
        assert metric.unit == "seconds"


@pytest.mark.parametrize(("accept", "parse"), [("", plain), (OPEN, openmetrics)])
def test_every_metric_is_exposed_with_its_kind_labels_and_meaning(accept, parse) -> None:
    exposed = {family.name: family for family in parse(text(accept)[0])}
    assert set(exposed) == {metric.family for metric in METRICS}
    for metric in METRICS:
        family = exposed[metric.family]
        assert (family.type, family.documentation) == (metric.kind, metric.meaning)
        assert accept == "" or family.unit == metric.unit
        for sample in family.samples:
            assert set(sample.labels) - {"le"} == set(metric.labels), metric.name


def test_promtool_has_nothing_to_say_of_them() -> None:
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("promtool is not installed: `make system`")

    command = [promtool, "check", "metrics"]
    checked = subprocess.run(
        command, input=text()[0], capture_output=True, text=True, check=False, timeout=60
    )
    assert (checked.returncode, checked.stdout, checked.stderr) == (0, "", "")


def test_exemplars_name_version_and_request_where_openmetrics_is_asked_for() -> None:
    body, content_type = text(OPEN)
    assert content_type.startswith("application/openmetrics-text; version=1.0.0")
    exemplars = [
        (sample.name, dict(sample.labels), sample.exemplar)
        for family in openmetrics(body)
        for sample in family.samples
        if sample.exemplar is not None
    ]
    assert len(exemplars) == 4
    for name, labels, exemplar in exemplars:
        assert name == "sluice_request_duration_seconds_bucket"
        assert exemplar.labels == {"version": labels["version"], "request_id": "ab12-cd34"}
        assert exemplar.value <= float(labels["le"])


@pytest.mark.parametrize("accept", ["", "text/plain", "*/*"])
def test_no_request_is_named_where_the_scraper_did_not_ask_for_openmetrics(accept) -> None:
    body, content_type = text(accept)
    assert content_type.startswith("text/plain")
    assert "ab12" not in body


@pytest.mark.parametrize("request_id", [b"ann@example.com", b"a" * 41, b'"}', b"Ann Smith"])
def test_a_request_id_that_may_say_more_than_an_id_is_no_exemplar(request_id) -> None:
    body, _ = text(OPEN, request_id=request_id)
    assert all(sample.exemplar is None for family in openmetrics(body) for sample in family.samples)


def test_an_exemplars_labels_have_at_most_128_characters() -> None:
    longest = "a" * 64  # of a version's name
    request_id = "f" * 40
    assert OPAQUE.fullmatch(request_id)
    assert len("version" + longest + "request_id" + request_id) <= 128


@pytest.mark.parametrize(
    ("rollout", "state"),
    [
        (None, "none"),
        (CANARY, "running"),
        (Rollout(**{**CANARY.__dict__, "paused": True}), "paused"),
        (Rollout(**{**CANARY.__dict__, "held": ("prediction",)}), "held"),
    ],
)
def test_exactly_one_state_of_the_rollout_is_1(rollout, state) -> None:
    samples = {
        sample.labels["state"]: sample.value
        for family in plain(text(rollout=rollout)[0])
        if family.name == "sluice_rollout_state"
        for sample in family.samples
    }
    assert samples == {name: float(name == state) for name in STATES}


def test_a_newer_request_of_the_same_latency_takes_the_exemplars_place() -> None:
    counts = WorkerMetrics()
    counts.request("v1", "released", 200, 0.001, b"old")
    assert [example.request_id for example in counts.examples(1.0)] == ["old"]
    counts.request("v1", "released", 200, 0.001, b"new")
    counts.request("v1", "released", 200, 0.001, b"newest-but-not-the-first")
    assert [(e.request_id, e.at) for e in counts.examples(2.0)] == [("new", 2.0)]
    assert [(e.request_id, e.at) for e in counts.examples(3.0)] == [("new", 2.0)]


def test_drift_is_exposed_by_version_and_name_and_what_is_not_known_is_not() -> None:
    body, _ = text()
    assert 'sluice_drift_distance_ratio{kind="column",name="city",version="v1"} 0.31' in body
    assert 'sluice_drift_unseen_ratio{kind="column",name="city",version="v1"} 0.3111' in body
    assert 'sluice_drift_sampled_rows{outcome="refused",version="v1"} 10.0' in body
    assert "sluice_drift_alarm 1.0" in body
    assert "sluice_drift_mix_ratio 1.4" in body
    assert not re.search(r'sluice_drift_\w+{[^}]*version="v2"', body)
