"""Predicts a batch, and finds the rows at fault where that fails."""

from collections.abc import Callable

from service.rows import Columns, take_rows
from service.runtimes.failure_causes import FailureCause, cause_of
from service.runtimes.model import Model, Predictions

# The search for the rows at fault among rows that failed together ends after LEAST_SEARCH_S seconds
# once so many attempts were made (one of 512 is found in 18 at most, each of 64 in 70), after
# MOST_SEARCH_S in any case.
SEARCH_ATTEMPTS = 128
LEAST_SEARCH_S, MOST_SEARCH_S = 0.1, 2.0
NOT_TOLD_APART = (
    "the pipeline failed on some of these rows, and there was no time to find which: send fewer "
    "at once"
)


class RowFailures(Exception):
    """The pipeline failed on some rows.

    failures: their reasons by row, as they were raised. causes: the same, with what callers are
    told. predictions: of all rows, None where one failed. unattributed: rows that failed together
    with others, without time to find those at fault.
    """

    def __init__(
        self,
        predictions: Predictions,
        causes: dict[int, FailureCause],
        unattributed: frozenset[int],
    ) -> None:
        self.failures = {row: cause.text for row, cause in causes.items()}
        super().__init__(
            f"{len(causes)} rows failed, the first with {next(iter(self.failures.values()))}"
        )
        self.predictions, self.causes, self.unattributed = predictions, causes, unattributed


def _stopped_clock() -> float:
    return 0.0


def predict_each(
    model: Model, columns: Columns, rows: int, clock: Callable[[], float] = _stopped_clock
) -> Predictions:
    """Predict all rows at once; where that fails, halve them until the rows at fault are found.

    clock: measures the search, which has a time limit: rows that it did not tell apart by then have
    all failed. Without a clock it goes on to the end, as a proof must. Raises RowFailures.
    """
    if rows == 0:
        return []

    try:
        return _one_prediction_a_row(model, columns, rows)
    except Exception as error:  # noqa: BLE001 (a pipeline may raise anything on a row)
        search = _Search(model, columns, rows, clock)
        search.halve(range(rows), error)
        if search.causes:
            raise RowFailures(
                search.predictions, search.causes, frozenset(search.unattributed)
            ) from None

        return search.predictions


class _Search:
    """Finds the rows that a pipeline fails on by halving, until its time limit."""

    def __init__(
        self, model: Model, columns: Columns, rows: int, clock: Callable[[], float]
    ) -> None:
        self.model, self.columns, self.clock = model, columns, clock
        self.began, self.attempts = clock(), 0
        self.predictions: Predictions = [None] * rows
        self.causes: dict[int, FailureCause] = {}
        self.unattributed: set[int] = set()

    def halve(self, rows: range, error: Exception) -> None:
        """Attribute `error`, by which these rows failed together, to some of them."""
        if len(rows) == 1:
            self.causes[rows.start] = cause_of(error)
        elif self._is_over():
            self.causes |= dict.fromkeys(rows, _of_one(cause_of(error)))
            self.unattributed.update(rows)
        else:
            first, second = rows[: len(rows) // 2], rows[len(rows) // 2 :]
            known = len(self.causes)
            self._predict(first)
            failed = len(self.causes) - known
            if not failed and len(second) > 1:
                # None of the first failed, so together the second would fail again.
                self.halve(second, error)
            elif failed == len(first):
                self._predict_alone(second)
            else:
                self._predict(second)

    def _predict_alone(self, rows: range) -> None:
        """Predict each row by itself until one does not fail, then the rest together.

        For rows beside others that all failed: bad rows come together, and each has to be asked
        alone to be found.
        """
        while rows and not self._is_over():
            known = len(self.causes)
            self._predict(rows[:1])
            rows = rows[1:]
            if len(self.causes) == known:
                break

        if rows:
            self._predict(rows)

    def _is_over(self) -> bool:
        elapsed_s = self.clock() - self.began
        return elapsed_s >= MOST_SEARCH_S or (
            self.attempts >= SEARCH_ATTEMPTS and elapsed_s >= LEAST_SEARCH_S
        )

    def _predict(self, rows: range) -> None:
        self.attempts += 1
        chosen = slice(rows.start, rows.stop)
        columns = take_rows(self.columns, chosen)
        try:
            self.predictions[chosen] = _one_prediction_a_row(self.model, columns, len(rows))
        except Exception as error:  # noqa: BLE001 (as above)
            self.halve(rows, error)


def _of_one(cause: FailureCause) -> FailureCause:
    """The cause of rows of which one failed with this one."""
    text, plain = (f"{NOT_TOLD_APART} (of one of them: {one})" for one in (cause.text, cause.plain))
    return FailureCause(text, plain, cause.full)


def _one_prediction_a_row(model: Model, columns: Columns, rows: int) -> Predictions:
    predictions = model.predict(columns)
    if len(predictions) != rows:
        raise ValueError(f"{len(predictions)} predictions for {rows} rows")

    return predictions
