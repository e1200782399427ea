"""A bundle that predicts chunks of rows: verified, loaded, and asked as the service asks it."""

import time
from pathlib import Path

import numpy as np
import pyarrow as pa

from batch.answer_columns import AnswerColumns
from batch.errors import BatchError
from batch.inputs.arrow_columns import Fitted
from service.bundle import Bundle, BundleError, verify_bundle
from service.bundle_files import GOLDEN
from service.proof.golden_rows import prove, read_golden
from service.rows import Columns, RowReader, row_count, take_rows
from service.runtimes.failed_rows import RowFailures, predict_each
from service.runtimes.load_model import load_model
from service.runtimes.model import ArrayModel, Predictions

CHUNKS = (1024, 4096, 16_384, 65_536)
# The search for the best chunk tries no larger one once a chunk has taken so long.
LONGEST_TRIAL_S = 0.5
TRIALS = 3


class BatchModel:
    """A loaded version. Belongs to one process."""

    def __init__(self, bundle: Bundle, model: ArrayModel) -> None:
        self.bundle, self.model = bundle, model
        golden = read_golden(bundle.read(GOLDEN), bundle.path / GOLDEN)
        self.rows = RowReader(bundle.manifest.columns).row_columns([row.row for row in golden])
        self.answers = AnswerColumns(bundle.manifest, golden[0].answer(bundle.manifest.output))

    def predict(self, fitted: Fitted) -> tuple[list[pa.Array], dict[int, str]]:
        """Predictions of every row of a chunk, null where it is bad, and why by row."""
        bad = dict(fitted.bad)
        kept = len(fitted.kept)
        if not kept:
            return self.answers.of_values([None] * fitted.rows), bad

        try:
            arrays = self.answers.of_answer(self.model.answer(fitted.columns), kept)
        except Exception:  # noqa: BLE001 (a pipeline may raise anything on a row)
            arrays = self._one_by_one(fitted, bad)

        if kept == fitted.rows:
            return arrays, bad

        # A null index gives a null.
        where = np.full(fitted.rows, -1)
        where[fitted.kept] = np.arange(kept)
        indices = pa.array(where, mask=where < 0)
        return [array.take(indices) for array in arrays], bad

    def _one_by_one(self, fitted: Fitted, bad: dict[int, str]) -> list[pa.Array]:
        """Find the rows that the pipeline fails on, and predict the others."""
        try:
            predictions = predict_each(self.model, fitted.columns, len(fitted.kept))
        except RowFailures as failed:
            predictions = failed.predictions
            for number, reason in failed.failures.items():
                bad[int(fitted.kept[number])] = f"the model failed: {reason}"

        try:
            return self.answers.of_values(predictions)
        except (ValueError, OverflowError, TypeError):
            return self.answers.of_values(self._that_fit(predictions, fitted, bad))

    def _that_fit(
        self, predictions: Predictions, fitted: Fitted, bad: dict[int, str]
    ) -> Predictions:
        """The predictions, None for those that the columns do not hold."""
        held: Predictions = []
        for number, prediction in enumerate(predictions):
            try:
                self.answers.of_values([prediction])
                held.append(prediction)
            except (ValueError, OverflowError, TypeError) as error:
                held.append(None)
                bad[int(fitted.kept[number])] = f"the output has no column for the answer: {error}"

        return held

    def best_chunk(self) -> int:
        """So many rows at once are predicted fastest, by trials on the golden rows."""
        best, least = CHUNKS[0], float("inf")
        for chunk in CHUNKS:
            columns = take_rows(self.rows, np.arange(chunk) % row_count(self.rows))
            seconds = min(self._seconds(columns) for _ in range(TRIALS))
            # A larger chunk has to be clearly better, for it takes more memory.
            if seconds / chunk < 0.95 * least:
                best, least = chunk, seconds / chunk
            if seconds > LONGEST_TRIAL_S:
                break

        return best

    def _seconds(self, columns: Columns) -> float:
        started = time.perf_counter()
        self.answers.of_answer(self.model.answer(columns), row_count(columns))
        return time.perf_counter() - started


def load(bundle: str, public_key: str, runtime: str | None = None) -> BatchModel:
    """Verify a bundle, load it, and prove it by its golden rows.

    runtime: None for the certified one. Raises BatchError.
    """
    try:
        verified = verify_bundle(Path(bundle), Path(public_key))
        model = load_model(verified, runtime)
        prove(verified, model)
    except BundleError as error:
        raise BatchError(str(error)) from error

    return BatchModel(verified, model)
