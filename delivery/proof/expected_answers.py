"""What the pipeline itself predicts of all rows that other forms of it are compared on.

Asked once: a pipeline that refuses rows is asked about each of them alone, which takes the longest
of all that a delivery does.
"""

import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from delivery.proof.output_checks import all_predictions
from delivery.proof.probe_rows import Probes
from service.rows import Columns, take_rows
from service.runtimes.model import Model

CHUNK = 4096


@dataclass(frozen=True)
class PipelineAnswers:
    """Rows with the pipeline's own predictions, None where a row fails; failed: those rows."""

    columns: Columns
    predictions: list[Any]
    failed: frozenset[int]

    @property
    def rows(self) -> int:
        """How many rows there are."""
        return len(self.predictions)

    def chosen(self, rows: Sequence[int]) -> "PipelineAnswers":
        """The rows of these numbers, in this order."""
        failed = {number for number, row in enumerate(rows) if row in self.failed}
        predictions = [self.predictions[row] for row in rows]
        return PipelineAnswers(take_rows(self.columns, list(rows)), predictions, frozenset(failed))

    def parts(self, rows: int) -> Iterator["PipelineAnswers"]:
        """All rows, so many at a time."""
        for start in range(0, self.rows, rows):
            yield self.chosen(range(start, min(start + rows, self.rows)))


@dataclass(frozen=True)
class ExpectedAnswers:
    """What the pipeline answers for all rows that its other forms are compared on.

    probes: rows that were made for it; what: each of them probes; far: whether it has a number far
    beyond those of training.
    """

    held_out: PipelineAnswers
    probes: PipelineAnswers
    what: list[str]
    far: list[bool]

    @property
    def rows(self) -> int:
        """How many rows there are of both kinds."""
        return self.held_out.rows + self.probes.rows


def expected_answers(
    pipeline: Model, held_out: PipelineAnswers, probe_rows: Probes
) -> ExpectedAnswers:
    """Predict the probe rows, too."""
    with warnings.catch_warnings():
        # Numbers far beyond those of training overflow, and nobody sent them.
        warnings.simplefilter("ignore", RuntimeWarning)
        of_probes = pipeline_answers(pipeline, probe_rows.columns, len(probe_rows.what))

    return ExpectedAnswers(held_out, of_probes, probe_rows.what, probe_rows.far)


def pipeline_answers(pipeline: Model, columns: Columns, rows: int) -> PipelineAnswers:
    """What the pipeline predicts, in chunks as large as batches get."""
    predictions: list[Any] = []
    failed: set[int] = set()
    for start in range(0, rows, CHUNK):
        chunk = take_rows(columns, slice(start, start + CHUNK))
        answers, failures = all_predictions(pipeline, chunk, min(CHUNK, rows - start))
        predictions += answers
        failed.update(start + row for row in failures)

    return PipelineAnswers(columns, predictions, frozenset(failed))
