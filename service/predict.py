"""One request through the model: decode, run, put predictions and errors at their rows' places."""

import time
from typing import Any

import msgspec

from service.bundle import Manifest
from service.model import Model, RowFailures, predict_each
from service.rows import BadRow, RowReader


class Outcome(msgspec.Struct, frozen=True):
    """One prediction a row (None at a bad row), the errors in order, and the model's seconds.

    processor_s: of the thread that predicted; not those in which others of this process or machine
    had the processor."""

    predictions: list[Any]
    errors: list[BadRow]
    seconds: float
    processor_s: float = 0.0


class Predictor:
    """A loaded version with its signature."""

    def __init__(self, manifest: Manifest, model: Model) -> None:
        self.manifest, self.model = manifest, model
        self._reader = RowReader(manifest.columns)

    def predict(self, body: bytes) -> Outcome:
        """Predict the rows of a body; raises service.rows.Malformed."""
        decoded = self._reader.read(body)
        started, busy = time.perf_counter(), time.thread_time()
        errors = list(decoded.errors)
        try:
            answers = predict_each(
                self.model, decoded.columns, len(decoded.kept), time.perf_counter
            )
        except RowFailures as failed:
            answers = failed.predictions
            errors += [
                BadRow(decoded.kept[i], 500, None, detail, i not in failed.unattributed)
                for i, detail in failed.failures.items()
            ]

        seconds, processor_s = time.perf_counter() - started, time.thread_time() - busy
        if len(answers) == decoded.total:
            return Outcome(answers, errors, seconds, processor_s)

        predictions: list[Any] = [None] * decoded.total
        for place, answer in zip(decoded.kept, answers, strict=True):
            predictions[place] = answer

        return Outcome(
            predictions, sorted(errors, key=lambda error: error.row), seconds, processor_s
        )
