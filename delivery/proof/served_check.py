"""Refuses a pipeline whose served predictions differ from those on the user's own frame.

They must be equal for a row alone and in any batch.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from delivery.errors import DeliveryError
from delivery.inputs.signature import rows_of
from delivery.proof.expected_answers import ExpectedAnswers
from delivery.proof.invariance import LARGEST_BATCH, BatchDependence, batch_dependence
from delivery.proof.number_values import spread
from delivery.proof.output_checks import all_predictions
from delivery.proof.own_input import OwnInput
from delivery.proof.training_rows import compared_rows
from delivery.recipe import Recipe
from service.bundle import LIST, Column, Manifest
from service.comparison import measured, same
from service.frames import CATEGORY
from service.rows import Columns, RowReader, row_count, take_rows
from service.runtimes.model import Model, RowByRow

if TYPE_CHECKING:
    import pandas as pd

# Of a larger training frame these many are compared, and every kind of null.
TRAINING_ROWS = 4000
# Where each is predicted by itself, which takes as long as a batch.
TRAINING_ROWS_ALONE = 400
# Rows of each kind that are predicted in batches; a third of those predicted alone are probes.
HELD_OUT = 400
PROBES = 200
ASKED_TWICE = 8


def require_own_answers(
    recipe: Recipe, description: Manifest, predictions: list[Any], served: Model
) -> None:
    """Compare what is served with the pipeline's predictions on the user's own frame.

    All held-out rows (predictions: what is served for them, None where one failed), and training
    rows with every kind of null that they hold. Raises DeliveryError naming the first difference.
    """
    numbers = range(len(recipe.held_out))
    _require_same("held-out", recipe, description, recipe.held_out, predictions, numbers)
    if recipe.training is None:
        return

    # In batches as large as the router's, where the held-out rows were predicted in one.
    most = TRAINING_ROWS
    if recipe.one_row_at_a_time:
        most = TRAINING_ROWS_ALONE

    training = recipe.training[[*recipe.held_out.columns]]
    chosen = compared_rows(training, most)
    frame = training.iloc[chosen]
    columns = RowReader(description.columns).row_columns(rows_of(frame))
    predictions = in_batches(served, columns, len(frame))
    _require_same("training", recipe, description, frame, predictions, chosen)


def require_repeatable(model: Model, held_out: Columns, description: Manifest) -> None:
    """Predict a few rows twice; raises DeliveryError where a row gets another answer.

    First of all: what counts its calls may answer alike once it was asked thousands of times.
    """
    few = take_rows(held_out, spread(row_count(held_out), ASKED_TWICE))
    dependence = batch_dependence(model, few, description.comparison, alone_only=True)
    if dependence is not None:
        raise DeliveryError(_explained(dependence))


def require_invariance(model: Model, expected: ExpectedAnswers, description: Manifest) -> None:
    """Predict some rows alone and in many batches; raises DeliveryError where the batch matters.

    Without rows that hold a number far beyond training: the last digits of its distances to others
    are chance.
    """
    near = [row for row, is_far in enumerate(expected.far) if not is_far]
    held_out = expected.held_out.chosen(spread(expected.held_out.rows, HELD_OUT))
    probes = expected.probes.chosen([near[number] for number in spread(len(near), PROBES)])
    columns = {}
    for name, values in held_out.columns.items():
        columns[name] = np.concatenate([values, probes.columns[name]])

    dependence = batch_dependence(
        model,
        columns,
        description.comparison,
        description.one_row_at_a_time,
        {*held_out.failed, *(held_out.rows + row for row in probes.failed)},
    )
    if dependence is not None:
        raise DeliveryError(_explained(dependence))


def in_batches(model: Model, columns: Columns, rows: int) -> list[Any]:
    """Predictions in batches as large as the router's, None where a row fails."""
    predictions: list[Any] = []
    for start in range(0, rows, LARGEST_BATCH):
        batch = take_rows(columns, slice(start, start + LARGEST_BATCH))
        predictions += all_predictions(model, batch, min(LARGEST_BATCH, rows - start))[0]

    return predictions


def _require_same(
    kind: str,
    recipe: Recipe,
    description: Manifest,
    frame: "pd.DataFrame",
    predictions: list[Any],
    numbers: Sequence[int],
) -> None:
    """numbers: of the frame's rows in the frame that the recipe gave."""
    own_input = OwnInput(recipe, frame, description.input)
    model: Model = RowByRow(own_input) if recipe.one_row_at_a_time else own_input
    own_predictions, _ = all_predictions(model, own_input.row_numbers(), len(frame))

    rule = description.comparison
    for number, own, served in zip(numbers, own_predictions, predictions, strict=True):
        if not same(own, served, rule.pipeline, rule.scale):
            size = measured(own, served, rule.scale)
            if size:
                size = f" ({size})"

            raise DeliveryError(
                f"{kind} row {number} gets {_short(served)} as a user sends it, and the pipeline "
                f"predicts {_short(own)} for it in its own frame{size}: "
                f"{_cause(description, frame)}"
            )


def _cause(description: Manifest, frame: "pd.DataFrame") -> str:
    """The first column of another dtype in the frame, else what is left to look at."""
    for column, name in zip(description.columns, frame.columns, strict=True):
        difference = _dtype_difference(column, frame[name])
        if difference:
            return f"column {difference}: give both frames the dtype that users' rows have"

    if description.input == LIST:
        return "look at nulls among the texts"

    return (
        "look at values that JSON cannot tell apart, such as None and NaN, or at a step that "
        "draws by chance"
    )


def _dtype_difference(column: Column, series: "pd.Series") -> str:
    from delivery.inputs.frame_columns import dtype_name

    own = dtype_name(series.dtype)
    served = column.frame.dtype if column.frame else ""
    if own == served or served.startswith(CATEGORY):
        return ""

    return f"{column.name!r} is {own} there and {served} in what is served"


def _explained(dependence: BatchDependence) -> str:
    difference = f"{_short(dependence.alone)} alone and {_short(dependence.in_batch)}"
    if dependence.batch_size == 1:
        return (
            f"the pipeline predicts the same row differently from call to call (a row gets "
            f"{difference} when it is asked again): a step draws by chance or remembers what it "
            f"was asked before: set its random_state, or keep no state in predict"
        )

    return (
        f"the pipeline's answer for a row depends on the rows beside it (a row gets {difference} "
        f"in a batch of {dependence.batch_size}), and users' rows are served in batches: compute "
        f"what it takes from all rows, such as ranks or means, in fit; or let each row be "
        f"predicted alone: Recipe(..., one_row_at_a_time=True), for a pickle --one-row-at-a-time"
    )


def _short(value: Any) -> str:
    if value is None:
        return "an error"

    return str(value)[:80]
