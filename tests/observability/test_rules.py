"""The shipped files of Prometheus and Grafana: checked by promtool, and held to the metrics."""

import json
import re
import shutil
import subprocess

import pytest
import yaml

from router.endpoints.metrics_text import names
from scripts.dashboard import TARGET, text
from scripts.pictures import ROOT

FOLDER = ROOT / "observability"
RULES = yaml.safe_load((FOLDER / "rules.yml").read_text())["groups"]
ALERTS = [rule for group in RULES for rule in group["rules"] if "alert" in rule]
HISTOGRAM_PARTS = ("_bucket", "_count", "_sum")


@pytest.mark.parametrize(
    "words",
    [
        ("check", "rules", "rules.yml"),
        ("check", "config", "prometheus.yml"),
        ("test", "rules", "rules.test.yml"),
    ],
    ids=" ".join,
)
def test_promtool_passes_them(words) -> None:
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("promtool is not installed: `make system`")

    done = subprocess.run(
        [promtool, *words], cwd=FOLDER, capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "FAILED" not in done.stdout + done.stderr


def test_every_alert_is_shown_firing() -> None:
    tested = (FOLDER / "rules.test.yml").read_text()
    assert [alert["alert"] for alert in ALERTS if alert["alert"] not in tested] == []


@pytest.mark.parametrize("alert", ALERTS, ids=lambda alert: alert["alert"])
def test_every_alert_says_what_to_do_next(alert) -> None:
    assert alert["labels"]["severity"] in ("page", "warn", "info")
    assert "Next: " in alert["annotations"]["description"]


@pytest.mark.parametrize("name", ["rules.yml", "rules.test.yml", "dashboard.json"])
def test_only_metrics_that_are_exposed_are_asked_for(name) -> None:
    asked = set(re.findall(r"(?<![\w:])sluice_\w+", (FOLDER / name).read_text()))
    for metric in asked:
        base = next((metric.removesuffix(p) for p in HISTOGRAM_PARTS if metric.endswith(p)), metric)
        assert metric in names() or base in names(), metric


def test_the_dashboard_is_the_one_that_its_script_makes() -> None:
    assert TARGET.read_text() == text(), "run `make docs`"


def test_the_dashboards_panels_do_not_overlap() -> None:
    taken: set[tuple[int, int]] = set()
    for panel in json.loads(text())["panels"]:
        at = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(at["x"], at["x"] + at["w"])
            for y in range(at["y"], at["y"] + at["h"])
        }
        assert taken.isdisjoint(cells), panel["title"]
        taken |= cells
