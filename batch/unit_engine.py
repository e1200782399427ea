"""Who predicts the units of a run, and what they are given."""

from collections.abc import Generator, Iterable
from dataclasses import dataclass
from typing import Protocol

from batch.model import BatchModel
from batch.outputs.parts import PartFiles
from batch.predict_unit import Task, UnitPredictor, UnitResult


@dataclass(frozen=True)
class WorkerSettings:
    """What a process needs to predict units. bundle, public_key: paths. digest: of the bundle."""

    bundle: str
    public_key: str
    digest: str
    runtime: str | None
    parts: PartFiles
    keep: list[str]
    chunk_rows: int
    bad_row_data: bool


class UnitEngine(Protocol):
    """Predicts units."""

    @property
    def workers(self) -> int:
        """How many at once, as the run begins."""

    def results(self, tasks: Iterable[Task]) -> Generator[UnitResult, None, None]:
        """The units' results as they come; tasks are taken as workers are free.

        Closed early, it waits for the units in hand. Raises BatchError where they cannot be
        predicted.
        """


def predictor_of(model: BatchModel, settings: WorkerSettings) -> UnitPredictor:
    """What predicts units with a loaded model."""
    return UnitPredictor(
        model, settings.parts, settings.keep, settings.chunk_rows, settings.bad_row_data
    )
