"""The page: one HTML file that needs nothing else, without scripts."""

import base64
import hashlib
from dataclasses import dataclass
from pathlib import Path

import jinja2

from batch.outputs.run_folder import RunNotes
from batch.report.charts import BarChart, chart
from batch.report.count_run import RunCounts
from rollout.drift.effect_size import TOLERANCE, Drift, drift
from service.bundle import Column, Manifest
from service.distributions.bins import Distribution
from service.distributions.bundle_distributions import BundleDistributions

FOLDER = Path(__file__).parent


@dataclass(frozen=True)
class Panel:
    """One name with its chart. drift: None where nothing was counted."""

    name: str
    kind: str
    chart: BarChart
    drift: Drift | None

    @property
    def distance(self) -> float:
        """By which panels are sorted."""
        return self.drift.distance if self.drift else 0.0


def page(
    notes: RunNotes,
    manifest: Manifest,
    training: BundleDistributions | None,
    counts: RunCounts | None,
    bad_reasons: tuple[list[tuple[str, int]], int],
) -> str:
    """The page of a run. training, counts: None of a bundle without distributions."""
    style = (FOLDER / "page.css").read_text()
    columns, predictions = _panels(manifest, training, counts)
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(FOLDER), autoescape=True, undefined=jinja2.StrictUndefined
    )
    environment.filters |= {"percent": percent, "count": "{:,}".format, "moment": _moment}
    reasons, other_reasons = bad_reasons
    return environment.get_template("page.html").render(
        notes=notes,
        manifest=manifest,
        training=training,
        columns=columns,
        predictions=predictions,
        marked=[panel.name for panel in columns if panel.drift and panel.drift.marked],
        predictions_marked=any(panel.drift and panel.drift.marked for panel in predictions),
        reasons=reasons,
        other_reasons=other_reasons,
        tolerance=TOLERANCE,
        style=style,
        style_hash=base64.b64encode(hashlib.sha256(style.encode()).digest()).decode(),
    )


def percent(share: float) -> str:
    """A share for people, in one piece."""
    if 0 < share < 0.001:
        text = "< 0.1 %"
    elif 0 < share < 0.1:
        text = f"{100 * share:.1f} %"
    else:
        text = f"{100 * share:.0f} %"

    return text.replace(" ", "\N{NO-BREAK SPACE}")


def _moment(text: str) -> str:
    """To the minute."""
    return text[: len("2026-01-01T12:00")].replace("T", " ")


def _panels(
    manifest: Manifest, training: BundleDistributions | None, counts: RunCounts | None
) -> tuple[list[Panel], list[Panel]]:
    """Of the columns, the most drifted first; of the predictions in their order."""
    if training is None or counts is None:
        return [], []

    kinds = {column.name: _kind(column) for column in manifest.columns}
    columns = [
        _panel(before.name, kinds[before.name], before, counts.columns[before.name])
        for before in training.columns
    ]
    known = [one for answers in training.predictions.values() for one in answers if one is not None]
    predictions = [
        _panel(name, "prediction", before, now)
        for before, (name, now) in zip(known, counts.predictions.items(), strict=True)
    ]
    return sorted(columns, key=lambda panel: -panel.distance), predictions


def _panel(name: str, kind: str, before: Distribution, now: Distribution) -> Panel:
    return Panel(name, kind, chart(before, now), drift(before, now))


def _kind(column: Column) -> str:
    """What is shown of it, in words."""
    if column.dtype == "string" and column.categories is None:
        return "text, by its length"
    if column.dtype in ("bytes", "array"):
        return f"{column.dtype}, by its length"

    return {"string": "text", "float": "number", "int": "whole number"}.get(
        column.dtype, column.dtype
    )
