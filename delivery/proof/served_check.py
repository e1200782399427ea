"""What is served must be what the pipeline says of the user's own frame, alone and in any batch;
else it is refused.
"""

from typing import Any

import numpy as np

from delivery.errors import DeliveryError
from delivery.inputs.signature import rows_of
from delivery.proof.invariance import LARGEST_BATCH, Dependence, dependence
from delivery.proof.output_checks import every_answer
from delivery.proof.own_input import OwnInput
from delivery.proof.probe_rows import Probes
from delivery.proof.training_rows import compared_places
from delivery.recipe import Recipe
from service.bundle import LIST, Manifest
from service.comparison import measured, same
from service.frames import CATEGORY
from service.model import Model, RowByRow
from service.rows import Columns, RowReader

# Of a larger training frame these many are compared, and every kind of null.
TRAINING_ROWS = 4000
# Each is asked for itself, which takes as long as a batch.
TRAINING_ROWS_ALONE = 400
# Rows of each kind that are asked in batches; a third of those asked alone are probes.
HELD_OUT = 400
PROBES = 200


def require_own_answers(
    recipe: Recipe, described: Manifest, predictions: list[Any], served: Model
) -> None:
    """Compare with the pipeline's own answers: all held-out rows (predictions; None: it failed),
    and training rows, with every kind of null that they hold.

    Raises DeliveryError naming the first row that differs.
    """
    places = list(range(len(recipe.held_out)))
    _require_same("held-out", recipe, described, recipe.held_out, predictions, places)
    # Alone in batches as large as the router's, where the predictions were asked in one.
    if recipe.training is not None:
        most = TRAINING_ROWS_ALONE if recipe.one_row_at_a_time else TRAINING_ROWS
        training = recipe.training[[*recipe.held_out.columns]]
        places = compared_places(training, most)
        frame = training.iloc[places]
        columns = RowReader(described.columns).row_columns(rows_of(frame))
        answers = in_batches(served, columns, len(frame))
        _require_same("training", recipe, described, frame, answers, places)


def require_invariance(model: Model, held_out: Columns, asked: Probes, described: Manifest) -> None:
    """Ask some rows alone and in many batches; raises DeliveryError where an answer depends on its
    batch.

    Not those with a number far beyond training: of its distances to others the last digits are
    chance.
    """
    some, probes = _some(held_out, HELD_OUT), _some(asked.near(), PROBES)
    columns = {name: np.concatenate([some[name], probes[name]]) for name in held_out}
    found = dependence(model, columns, described.comparison, described.one_row_at_a_time)
    if found is not None:
        raise DeliveryError(_said(found))


def in_batches(model: Model, columns: Columns, rows: int) -> list[Any]:
    """Predictions in batches as large as the router's, None where a row fails."""
    predictions: list[Any] = []
    for start in range(0, rows, LARGEST_BATCH):
        part = {name: array[start : start + LARGEST_BATCH] for name, array in columns.items()}
        predictions += every_answer(model, part, min(LARGEST_BATCH, rows - start))[0]
    return predictions


def _require_same(
    kind: str,
    recipe: Recipe,
    described: Manifest,
    frame: Any,
    predictions: list[Any],
    places: list[int],
) -> None:
    """places: of the frame's rows in the frame that the recipe gave."""
    own: Any = OwnInput(recipe, frame, described.input)
    mine = every_answer(
        RowByRow(own) if recipe.one_row_at_a_time else own, own.places(), len(frame)
    )[0]
    rule = described.comparison
    for row, expected, answer in zip(places, mine, predictions, strict=True):
        if not same(expected, answer, rule.pipeline, rule.scale):
            apart = measured(expected, answer, rule.scale)
            raise DeliveryError(
                f"{kind} row {row} gets {_short(answer)} as a user sends it, and the pipeline "
                f"says {_short(expected)} "
                f"of it in its own frame{f' ({apart})' if apart else ''}: {_why(described, frame)}"
            )


def _why(described: Manifest, frame: Any) -> str:
    """The columns that are held otherwise than in that frame, else what is left to look at."""
    from delivery.inputs.frame_columns import dtype_name

    other = [
        f"{column.name!r} is {dtype_name(series.dtype)} there and {held} in what is served"
        for column, name in zip(described.columns, frame.columns, strict=True)
        for series in [frame[name]]
        for held in [column.frame.dtype if column.frame else ""]
        if dtype_name(series.dtype) != held and not held.startswith(CATEGORY)
    ]
    if other:
        return f"column {other[0]}: give both frames the dtype that users' rows have"
    if described.input == LIST:
        return "look at nulls among the texts"

    return (
        "look at values that JSON cannot tell apart, such as None and NaN, or at a step that "
        "draws by chance"
    )


def _said(found: Dependence) -> str:
    said = f"a row gets {_short(found.alone)} alone and {_short(found.beside)}"
    if found.batch == 1:
        return (
            f"the pipeline answers the same row differently from call to call ({said} when it is "
            f"asked again): a step "
            "draws by chance or remembers what it was asked before: set its random_state, or keep "
            "no state in predict"
        )

    return (
        f"the pipeline's answer for a row depends on the rows beside it ({said} in a batch of "
        f"{found.batch}), and "
        "users' rows are served in batches: compute what it takes from all rows, such as ranks or "
        "means, in fit; or "
        "let each row be predicted alone: Recipe(..., one_row_at_a_time=True), for a pickle "
        "--one-row-at-a-time"
    )


def _some(columns: Columns, count: int) -> Columns:
    rows = len(next(iter(columns.values())))
    chosen = (
        np.unique(np.linspace(0, rows - 1, count).astype(int)) if rows else np.empty(0, dtype=int)
    )
    return {name: array[chosen] for name, array in columns.items()}


def _short(value: Any) -> str:
    if value is None:
        return "an error"
    return str(value)[:80]
