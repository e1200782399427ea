"""Makes observability/dashboard.json, Grafana's dashboard of one router (`make docs` writes it).

Every query returns data with no canary present, too: where there may be nothing to show, it falls
back to 0. `$job` is the scrape job, and `$__rate_interval` is Grafana's own."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

TARGET = Path(__file__).resolve().parents[1] / "observability" / "dashboard.json"
JOB = 'job="$job"'
PER_S = "[$__rate_interval]"
COLUMNS = 24
HEIGHTS = {"stat": 4, "timeseries": 8}
SOURCE = {"type": "prometheus", "uid": "${datasource}"}


@dataclass(frozen=True)
class Panel:
    """One panel. queries: (PromQL, legend). width: of 24 columns. unit: Grafana's name."""

    title: str
    meaning: str
    queries: tuple[tuple[str, str], ...]
    unit: str = "short"
    kind: str = "timeseries"
    width: int = 8
    exemplars: bool = False


def _rate(metric: str, by: str, more: str = "") -> str:
    return f"sum by ({by}) (rate({metric}{{{JOB}{more}}}{PER_S}))"


def _or_zero(query: str) -> str:
    """The query, and 0 where it returns nothing."""
    return f"{query} or on() vector(0)"


def _quantile(share: float, metric: str) -> str:
    return f"histogram_quantile({share}, {_rate(f'{metric}_bucket', 'version, le')})"


REQUESTS = _rate("sluice_requests_total", "version")
ERRORS = _rate("sluice_requests_total", "version", ',code=~"5.."')
USER_ERRORS = f'sum(rate(sluice_refusals_total{{{JOB},code=~"5.."}}{PER_S}))'
SECONDS = "sluice_request_duration_seconds"
PANELS = (
    Panel(
        "Rollout",
        "None, running, paused by a person, or held until a person decides",
        ((f"sluice_rollout_state{{{JOB}}} == 1", "{{state}}"),),
        kind="stat",
        width=4,
    ),
    Panel(
        "Requests a second",
        "Of all versions",
        ((f"sum({REQUESTS})", ""),),
        "reqps",
        "stat",
        4,
    ),
    Panel(
        "Users' errors",
        "The share of requests that end in 5xx, no other version having answered",
        ((f"(({_or_zero(USER_ERRORS)}) / sum({REQUESTS}))", ""),),
        "percentunit",
        "stat",
        4,
    ),
    Panel(
        "Evidence against the candidate",
        "As a part of what decides (logarithms): at 100 % it is rolled back or held",
        ((_or_zero(f"max(sluice_verdict_ratio{{{JOB}}})"), ""),),
        "percentunit",
        "stat",
        4,
    ),
    Panel(
        "Ledger's age",
        "Seconds since the ledger answered",
        ((f"max(sluice_ledger_age_seconds{{{JOB}}})", ""),),
        "s",
        "stat",
        4,
    ),
    Panel("Router workers", "Alive", ((f"sum(sluice_workers{{{JOB}}})", ""),), "none", "stat", 4),
    Panel(
        "Requests a second by version",
        "By the version that was drawn",
        ((REQUESTS, "{{version}}"),),
        "reqps",
    ),
    Panel(
        "Errors by version",
        "The share of a version's requests that failed, whether or not another one answered",
        ((f"({ERRORS} or 0 * {REQUESTS}) / {REQUESTS}", "{{version}}"),),
        "percentunit",
    ),
    Panel(
        "Response times by version",
        "Versions with different shares cannot be compared by these: the smaller share waits less "
        "and has smaller batches",
        (
            (_quantile(0.5, SECONDS), "{{version}} half"),
            (_quantile(0.99, SECONDS), "{{version}} 99 %"),
        ),
        "s",
        exemplars=True,
    ),
    Panel(
        "Split",
        "Asked: by the split. Served: requests drawn since it is in force",
        (
            (f"max by (version) (sluice_split_asked_ratio{{{JOB}}})", "{{version}} asked"),
            (f"max by (version) (sluice_split_served_ratio{{{JOB}}})", "{{version}} served"),
        ),
        "percentunit",
    ),
    Panel(
        "Verdict by signal",
        "Evidence against the candidate, as a part of what decides; 0 without a judged rollout",
        ((_or_zero(f"max by (signal) (sluice_verdict_ratio{{{JOB}}})"), "{{signal}}"),),
        "percentunit",
    ),
    Panel(
        "Answered by another version",
        "Fallbacks a second, by the version that failed and why",
        ((_or_zero(_rate("sluice_fallbacks_total", "version, reason")), "{{version}} {{reason}}"),),
        "reqps",
    ),
    Panel(
        "Predictions by class",
        "A second; 0 where the versions predict values",
        (
            (
                _or_zero(_rate("sluice_predictions_total", "version, class")),
                "{{version}} {{class}}",
            ),
        ),
    ),
    Panel(
        "Predicted values",
        "The middle one; 0 where the versions predict classes",
        ((_or_zero(_quantile(0.5, "sluice_prediction_value")), "{{version}}"),),
    ),
    Panel(
        "Shadows",
        "Rows a second that were compared with the user's answer, and those dropped",
        (
            (
                _or_zero(_rate("sluice_shadow_compared_rows_total", "version, outcome")),
                "{{version}} {{outcome}}",
            ),
            (
                _or_zero(_rate("sluice_shadow_dropped_rows_total", "version")),
                "{{version}} dropped",
            ),
        ),
    ),
    Panel(
        "Late labels",
        "A second, by what became of them",
        (
            (
                _or_zero(_rate("sluice_labels_total", "version, outcome")),
                "{{version}} {{outcome}}",
            ),
        ),
    ),
    Panel(
        "Queues",
        "Rows that wait, and rows in flight",
        (
            (f"sum by (version) (sluice_queue_rows{{{JOB}}})", "{{version}} waiting"),
            (f"sum by (version) (sluice_in_flight_rows{{{JOB}}})", "{{version}} in flight"),
        ),
    ),
    Panel(
        "Rows in a batch",
        "In the mean",
        (
            (
                f"{_rate('sluice_batch_rows_sum', 'version')} / "
                f"{_rate('sluice_batch_rows_count', 'version')}",
                "{{version}}",
            ),
        ),
    ),
    Panel(
        "Refusals",
        "Answers a second that were no prediction, by status",
        ((_or_zero(_rate("sluice_refusals_total", "code")), "{{code}}"),),
        "reqps",
        width=12,
    ),
    Panel(
        "Platform's errors",
        "Error codes in the platform's log of a version, in ten minutes",
        (
            (
                _or_zero(
                    f"sum by (version, code) (increase(sluice_platform_errors_total{{{JOB}}}[10m]))"
                ),
                "{{version}} {{code}}",
            ),
        ),
        width=12,
    ),
)


def dashboard() -> dict[str, Any]:
    """The dashboard as Grafana imports it."""
    return {
        "title": "Sluice",
        "uid": "sluice",
        "schemaVersion": 38,
        "version": 1,
        "editable": True,
        "refresh": "10s",
        "tags": ["sluice"],
        "time": {"from": "now-1h", "to": "now"},
        "timezone": "browser",
        "templating": {"list": _variables()},
        "annotations": {"list": [_rollouts()]},
        "panels": list(_placed()),
    }


def _variables() -> list[dict[str, Any]]:
    source = {
        "name": "datasource",
        "label": "Prometheus",
        "type": "datasource",
        "query": "prometheus",
    }
    job = {
        "name": "job",
        "label": "Router",
        "type": "query",
        "datasource": SOURCE,
        "query": {"query": "label_values(sluice_workers, job)", "refId": "job"},
        "refresh": 2,
    }
    return [source, job]


def _rollouts() -> dict[str, Any]:
    """Marks each change of the ledger on the time axis."""
    return {
        "name": "Changes of the ledger",
        "datasource": SOURCE,
        "enable": True,
        "iconColor": "blue",
        "expr": f"changes(sluice_ledger_revision{{{JOB}}}[$__interval]) > 0",
        "titleFormat": "The ledger has a new revision",
    }


def _placed() -> Iterator[dict[str, Any]]:
    """The panels, from left to right and then downwards."""
    x = y = height = 0
    for number, panel in enumerate(PANELS, 1):
        if x + panel.width > COLUMNS:
            x, y = 0, y + height

        height = HEIGHTS[panel.kind]
        yield _panel(number, panel, {"x": x, "y": y, "w": panel.width, "h": height})
        x += panel.width


def _panel(number: int, panel: Panel, position: dict[str, int]) -> dict[str, Any]:
    options: dict[str, Any] = {"legend": {"showLegend": True, "displayMode": "list"}}
    if panel.kind == "stat":
        shown = "name" if panel.title == "Rollout" else "value"
        options = {
            "textMode": shown,
            "colorMode": "none",
            "reduceOptions": {"calcs": ["lastNotNull"]},
        }

    return {
        "id": number,
        "type": panel.kind,
        "title": panel.title,
        "description": panel.meaning,
        "datasource": SOURCE,
        "gridPos": position,
        "fieldConfig": {"defaults": {"unit": panel.unit}, "overrides": []},
        "options": options,
        "targets": [
            {
                "refId": chr(ord("A") + index),
                "datasource": SOURCE,
                "expr": query,
                "legendFormat": legend,
                "exemplar": panel.exemplars,
            }
            for index, (query, legend) in enumerate(panel.queries)
        ],
    }


def text() -> str:
    """The file."""
    return json.dumps(dashboard(), indent=1) + "\n"
