"""Takes one request through the model: decode, run, and put the results in the rows' order."""

import time
from operator import attrgetter
from typing import Any

import msgspec

from service.bundle import Manifest
from service.rows import BadRow, RowReader
from service.runtimes.failed_rows import RowFailures, predict_each
from service.runtimes.failure_causes import LibraryFaultLog
from service.runtimes.model import Model


class Outcome(msgspec.Struct, frozen=True):
    """One prediction a row (None for a bad row), the errors in order, and the model's seconds.

    processor_s: CPU seconds of the thread that predicted.
    """

    predictions: list[Any]
    errors: list[BadRow]
    seconds: float
    processor_s: float = 0.0


class Predictor:
    """A loaded version with its signature."""

    def __init__(self, manifest: Manifest, model: Model) -> None:
        self.manifest, self.model = manifest, model
        self._reader = RowReader(manifest.columns)
        self._log = LibraryFaultLog()

    def predict(self, body: bytes) -> Outcome:
        """Predict the rows of a body; raises service.rows.Malformed."""
        decoded = self._reader.read(body)
        started, processor_started = time.perf_counter(), time.thread_time()
        errors = list(decoded.errors)
        try:
            predicted = predict_each(
                self.model, decoded.columns, len(decoded.kept), time.perf_counter
            )
        except RowFailures as failed:
            predicted = failed.predictions
            for number, cause in failed.causes.items():
                attributed = number not in failed.unattributed
                errors.append(BadRow(decoded.kept[number], 500, None, cause.plain, attributed))
                self._log.add(cause)

        seconds = time.perf_counter() - started
        processor_s = time.thread_time() - processor_started
        if len(predicted) == decoded.total:
            return Outcome(predicted, errors, seconds, processor_s)

        predictions: list[Any] = [None] * decoded.total
        for row, prediction in zip(decoded.kept, predicted, strict=True):
            predictions[row] = prediction

        errors.sort(key=attrgetter("row"))
        return Outcome(predictions, errors, seconds, processor_s)
