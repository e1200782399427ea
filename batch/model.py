"""A bundle that predicts chunks of rows: verified, loaded, and asked as the service asks it."""

import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from functools import partial
from operator import attrgetter, itemgetter
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
from service.runtimes.model import Answer, ArrayModel, Predictions
from service.runtimes.pipeline_model import PipelineModel

CHUNKS = (1024, 4096, 16_384, 65_536)
# The search for the best chunk tries no larger one once a chunk has taken so long.
LONGEST_TRIAL_S = 0.5
# The quickest of several trials counts, for a machine is busy by moments; and they are of rows
# enough that the processor does not know them by heart.
TRIALS, TRIALS_S, TRIED_ROWS = 2, 0.02, 8192
NO_COLUMN = (ValueError, OverflowError, TypeError, pa.ArrowException)
"""What is raised where the columns do not hold an answer."""


class BatchModel:
    """A loaded version. Belongs to one process."""

    def __init__(self, bundle: Bundle, model: ArrayModel) -> None:
        self.bundle, self.model = bundle, model
        golden = read_golden(bundle.read(GOLDEN), bundle.path / GOLDEN)
        self.rows = RowReader(bundle.manifest.columns).row_columns([row.row for row in golden])
        self.answers = AnswerColumns(bundle.manifest, golden[0].answer(bundle.manifest.output))

    @property
    def takes_frames(self) -> bool:
        """Whether it predicts frames of pandas."""
        return self.model.name == PipelineModel.name

    def predict(self, fitted: Fitted, at_once: int) -> tuple[list[pa.Array], dict[int, str]]:
        """Predictions of every row, null where it is bad, and why by row.

        at_once: so many rows are given to the model in one call.
        """
        bad = dict(fitted.bad)
        kept = len(fitted.kept)
        if not kept:
            return self.answers.of_values([None] * fitted.rows), bad

        arrays = self._arrays(list(_pieces(fitted, at_once)), bad)
        if kept == fitted.rows:
            return arrays, bad

        # A null index gives a null.
        where = np.full(fitted.rows, -1)
        where[fitted.kept] = np.arange(kept)
        indices = pa.array(where, mask=where < 0)
        return [array.take(indices) for array in arrays], bad

    def _arrays(self, pieces: Sequence[Fitted], bad: dict[int, str]) -> list[pa.Array]:
        """The columns of all pieces, row by row of those that cannot be predicted at once."""
        answers = list(map(self._answer, pieces))
        given = [answer for answer in answers if answer is not None]
        if len(given) == len(pieces):
            with suppress(*NO_COLUMN):
                return self._columns(given, sum(map(attrgetter("rows"), pieces)))

        return _joined(list(map(partial(self._of_piece, bad), pieces, answers)))

    def _answer(self, piece: Fitted) -> Answer | None:
        """What the model answers; None where it fails on any of the rows."""
        try:
            answer = self.model.answer(piece.columns)
            self.answers.require_rows(answer, piece.rows)
        except Exception:  # noqa: BLE001 (a pipeline may raise anything on a row)
            return None

        return answer

    def _columns(self, answers: Sequence[Answer], rows: int) -> list[pa.Array]:
        joined = {}
        for name in self.answers.names:
            joined[name] = np.concatenate(list(map(itemgetter(name), answers)))

        return self.answers.of_answer(joined, rows)

    def _of_piece(
        self, bad: dict[int, str], piece: Fitted, answer: Answer | None
    ) -> list[pa.Array]:
        if answer is not None:
            with suppress(*NO_COLUMN):
                return self.answers.of_answer(answer, piece.rows)

        return self._one_by_one(piece, bad)

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
        except NO_COLUMN:
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
            except NO_COLUMN as error:
                held.append(None)
                bad[int(fitted.kept[number])] = f"the output has no column for the answer: {error}"

        return held

    def best_chunk(self) -> int:
        """So many rows at once are predicted fastest, by trials until more are no faster.

        On the golden rows' values in other combinations: the few rows alone, again and again, are
        faster than rows ever are, since each of their branches is foreseen.
        """
        best, least = CHUNKS[0], float("inf")
        for chunk in CHUNKS:
            seconds = self._seconds_a_row(chunk)
            # A larger chunk has to be clearly better, for it takes more memory.
            if seconds > 0.95 * least:
                break

            best, least = chunk, seconds
            if seconds * chunk > LONGEST_TRIAL_S:
                break

        return best

    def _seconds_a_row(self, chunk: int) -> float:
        """Of the quickest of several trials. What is slow is asked for few rows."""
        columns = self._other_combinations(max(chunk, TRIED_ROWS))
        trials = [self._trial(columns, chunk) for _ in range(TRIALS)]
        while len(trials) * min(seconds for _, seconds in trials) < TRIALS_S:
            trials.append(self._trial(columns, chunk))

        return min(seconds / rows for rows, seconds in trials)

    def _other_combinations(self, rows: int) -> Columns:
        random = np.random.default_rng(0)
        known = row_count(self.rows)
        return {name: values[random.integers(0, known, rows)] for name, values in self.rows.items()}

    def _trial(self, columns: Columns, chunk: int) -> tuple[int, float]:
        """How many of the rows were predicted, chunk by chunk, and in how many seconds."""
        started, seconds, rows = time.perf_counter(), 0.0, 0
        while rows < row_count(columns) and seconds <= LONGEST_TRIAL_S:
            self.model.answer(take_rows(columns, slice(rows, rows + chunk)))
            rows += chunk
            seconds = time.perf_counter() - started

        return rows, seconds


def _pieces(fitted: Fitted, at_once: int) -> Iterator[Fitted]:
    """The rows that fit, so many at once; their numbers are those of the whole."""
    for start in range(0, len(fitted.kept), at_once):
        rows = slice(start, start + at_once)
        kept = fitted.kept[rows]
        yield Fitted(len(kept), kept, take_rows(fitted.columns, rows), {})


def _joined(pieces: Sequence[list[pa.Array]]) -> list[pa.Array]:
    """Column by column."""
    return list(map(pa.concat_arrays, zip(*pieces, strict=True)))


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
