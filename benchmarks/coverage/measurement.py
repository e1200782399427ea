"""Delivers one pipeline of the panel as a user does, and looks for wrong answers of the version."""

import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from benchmarks.coverage.answers.differences import differences
from benchmarks.coverage.answers.served_answers import ServedAnswers
from benchmarks.coverage.panel.registry import panel, recipe_of
from benchmarks.coverage.warm_proof import proved_in_warm_process
from delivery.errors import DeliveryError
from delivery.pack import deliver
from delivery.request import DeliveryRequest
from delivery.signatures import PUBLIC

UNDELIVERABLE = "undeliverable"
RECIPE = """from benchmarks.coverage.panel.registry import recipe_of


def build():
    return recipe_of({name!r})
"""


@dataclass(frozen=True)
class Measurement:
    """What became of a pipeline.

    runtime: onnx, sklearn or UNDELIVERABLE. reason: why. seconds: of its delivery.
    rows, wrong, refused, shown: see Differences.
    """

    name: str
    family: str
    runtime: str
    reason: str
    seconds: float = 0.0
    rows: int = 0
    wrong: int = 0
    refused: int = 0
    shown: tuple[str, ...] = ()

    @property
    def is_certified(self) -> bool:
        """Whether it has a certified ONNX form."""
        return self.runtime == "onnx"


def measured(name: str, rows: int) -> Measurement:
    """Deliver the pipeline of that name, then compare its answers on so many adversarial rows."""
    family = panel()[name].family
    with tempfile.TemporaryDirectory() as folder, proved_in_warm_process():
        request = _request(Path(folder), name)
        began = time.monotonic()
        try:
            delivered = deliver(request, _say_nothing)
        except DeliveryError as error:
            return Measurement(name, family, UNDELIVERABLE, str(error))

        seconds = round(time.monotonic() - began, 1)
        served = ServedAnswers(delivered.path, request.keys / PUBLIC)
        found = differences(recipe_of(name), served, rows)
        runtime = delivered.manifest.runtime
        return Measurement(
            name,
            family,
            runtime.certified,
            runtime.reason,
            seconds,
            found.rows,
            found.wrong,
            found.refused,
            found.shown,
        )


def not_measured(name: str, reason: str) -> Measurement:
    """A pipeline whose delivery did not come to an end."""
    return Measurement(name, panel()[name].family, UNDELIVERABLE, reason)


def _request(folder: Path, name: str) -> DeliveryRequest:
    source = folder / "recipe.py"
    source.write_text(RECIPE.format(name=name), encoding="utf-8")
    return DeliveryRequest("v1", source, "coverage", folder / "releases", folder / "keys")


def _say_nothing(_line: str) -> None:
    """Hundreds of deliveries would tell too much."""
