"""A bundle that predicts chunks of rows: verified, loaded, and asked as the service asks it."""

import time
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa

from batch.answer_columns import AnswerColumns
from batch.errors import BatchError
from batch.inputs.arrow_columns import Fitted
from service.bundle import Bundle, BundleError, verify_bundle
from service.bundle_files import GOLDEN
from service.proof.golden_rows import prove
from service.rows import Columns, RowReader, row_count
from service.runtimes.failed_rows import RowFailures, predict_each
from service.runtimes.load_model import load_model
from service.runtimes.model import Model

CHUNKS = (1024, 4096, 16_384, 65_536)
# The search for the best chunk tries no larger one once a chunk has taken so long.
LONGEST_TRIAL_S = 0.5
TRIALS = 3


class BatchModel:
    """A loaded version. Belongs to one process."""

    def __init__(self, bundle: Bundle, model: Model) -> None:
        self.bundle, self.model = bundle, model
        golden = _golden(bundle)
        self.rows = RowReader(bundle.manifest.columns).row_columns([row["row"] for row in golden])
        self.answers = AnswerColumns(bundle.manifest, golden[0]["prediction"])

    def predict(self, fitted: Fitted) -> tuple[list[pa.Array], dict[int, str]]:
        """Predictions of every row of a piece, null where it is bad, and why by row."""
        bad = dict(fitted.bad)
        kept = len(fitted.kept)
        if not kept:
            return self.answers.of_values([None] * fitted.rows), bad

        try:
            arrays = self._all(fitted.columns, kept)
        except Exception:  # noqa: BLE001 (a pipeline may raise anything on a row)
            arrays = self._one_by_one(fitted, bad)

        if kept == fitted.rows:
            return arrays, bad

        # A null index gives a null.
        where = np.full(fitted.rows, -1)
        where[fitted.kept] = np.arange(kept)
        indices = pa.array(where, mask=where < 0)
        return [array.take(indices) for array in arrays], bad

    def _all(self, columns: Columns, rows: int) -> list[pa.Array]:
        answer = getattr(self.model, "answer", None)
        if answer is None:
            predictions = self.model.predict(columns)
            if len(predictions) != rows:
                raise ValueError(f"{len(predictions)} predictions for {rows} rows")
            return self.answers.of_values(predictions)

        array = answer(columns)
        if len(array) != rows:
            raise ValueError(f"{len(array)} predictions for {rows} rows")

        return self.answers.of_array(array)

    def _one_by_one(self, fitted: Fitted, bad: dict[int, str]) -> list[pa.Array]:
        """Find the rows that the pipeline fails on, and predict the others."""
        try:
            predictions = predict_each(self.model, fitted.columns, len(fitted.kept))
        except RowFailures as failed:
            predictions = failed.predictions
            for number, reason in failed.failures.items():
                bad[int(fitted.kept[number])] = f"the model failed: {reason}"

        return self.answers.of_values(predictions)

    def best_chunk(self) -> int:
        """So many rows at once are predicted fastest, by trials on the golden rows."""
        best, least = CHUNKS[0], float("inf")
        for chunk in CHUNKS:
            columns = {name: np.resize(array, chunk) for name, array in self.rows.items()}
            seconds = min(self._seconds(columns) for _ in range(TRIALS))
            # A larger chunk has to be clearly better, for it takes more memory.
            if seconds / chunk < 0.95 * least:
                best, least = chunk, seconds / chunk
            if seconds > LONGEST_TRIAL_S:
                break

        return best

    def _seconds(self, columns: Columns) -> float:
        started = time.perf_counter()
        self._all(columns, row_count(columns))
        return time.perf_counter() - started


def load(bundle: str, public_key: str) -> BatchModel:
    """Verify a bundle, load it on its certified runtime, and prove it by its golden rows.

    Raises BatchError.
    """
    try:
        verified = verify_bundle(Path(bundle), Path(public_key))
        model = load_model(verified)
        prove(verified, model)
    except BundleError as error:
        raise BatchError(str(error)) from error

    return BatchModel(verified, model)


def _golden(bundle: Bundle) -> list[dict[str, Any]]:
    return [msgspec.json.decode(line) for line in bundle.read(GOLDEN).splitlines()]
