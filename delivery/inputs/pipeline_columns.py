"""Reduces the frames to the columns that the pipeline was fitted on; users send only those.

Rows go by name: the order of a frame's columns is the pipeline's own, and names are texts, as in
JSON.
"""

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from delivery.errors import DeliveryError, first_line
from delivery.inputs.column_kinds import unsendable
from delivery.inputs.signature import check_names
from delivery.recipe import Recipe
from delivery.request import Report
from service.runtimes.pipeline_model import answer_of

if TYPE_CHECKING:
    import pandas as pd

ROWS_TRIED = 20


def with_inputs_as_fitted(recipe: Recipe, report: Report) -> Recipe:
    """The recipe with frames of the columns that its pipeline needs, in its order, named by texts.

    Columns that are left out are reported in a line. Raises DeliveryError where a column is
    missing, has no form in JSON, or where leaving one out changes the predictions.
    """
    for frame in (recipe.held_out, recipe.training):
        if frame is not None:
            check_names(frame)

    recipe = _with_names_as_texts(recipe)
    recipe = _with_fitted_columns(recipe, report)
    _refuse_unsendable(recipe)
    return recipe


def _with_names_as_texts(recipe: Recipe) -> Recipe:
    """Replace names that are numbers or tuples by the texts that a row of JSON has for them."""
    if all(isinstance(name, str) for name in recipe.held_out.columns):
        return recipe

    named = recipe.held_out.set_axis(_texts(recipe.held_out), axis=1)
    if not _predicts_same_on(recipe, named):
        raise DeliveryError(
            f"the columns are named {_listed(list(recipe.held_out.columns)[:3])} ..., no texts, "
            f"and the pipeline does not predict the same where they are texts, as in JSON: fit it "
            f"on frame.rename(columns=str)"
        )

    training = recipe.training
    if training is not None:
        training = training.set_axis(_texts(training), axis=1)

    return replace(recipe, held_out=named, training=training)


def _texts(frame: "pd.DataFrame") -> list[str]:
    return list(map(str, frame.columns))


def _with_fitted_columns(recipe: Recipe, report: Report) -> Recipe:
    """Leave out columns that the pipeline was not fitted on.

    Where it does not know its columns it keeps all.
    """
    names = getattr(recipe.pipeline, "feature_names_in_", None)
    if names is None:
        _refuse_another_order(recipe)
        return recipe

    fitted, given = list(names), list(recipe.held_out.columns)
    extra = [name for name in given if name not in fitted]
    ordered = [name for name in fitted if name in given]
    if [name for name in given if name in fitted] != ordered:
        recipe = replace(recipe, held_out=recipe.held_out[[*ordered, *extra]])

    _refuse_missing(recipe, [name for name in fitted if name not in given], extra)
    if extra:
        return _without_extra(recipe, ordered, extra, report)

    return recipe


def _without_extra(recipe: Recipe, ordered: list[Any], extra: list[Any], report: Report) -> Recipe:
    """Leave the extra columns out; raises DeliveryError where that changes the predictions."""
    reduced = recipe.held_out[ordered]
    if not _predicts_same_on(recipe, reduced):
        raise DeliveryError(
            f"the held-out rows have {_listed(extra)}, which the pipeline was not fitted on, and "
            f"it does not predict the same without: take {_it(extra)} out of the held-out rows or "
            f"the sample, or fit on {_it(extra)}"
        )

    hint = ""
    if recipe.labels is None:
        hint = " (is the truth among them? name it by --label, or labels= in a recipe)"

    report(
        f"left out {_listed(extra)}: the pipeline was not fitted on {_it(extra)} and predicts "
        f"the same without{hint}"
    )
    return replace(recipe, held_out=reduced)


def _refuse_another_order(recipe: Recipe) -> None:
    """Raise DeliveryError where the frames' columns have different orders.

    A pipeline that was fitted on arrays goes by position, so that only one order can be right.
    """
    if recipe.training is None:
        return

    given, seen = list(recipe.held_out.columns), list(recipe.training.columns)
    if given != seen and sorted(given) == sorted(seen):
        raise DeliveryError(
            "the held-out rows have their columns in another order than the training rows, and "
            "the pipeline, fitted on an array, does not know their names: give both frames the "
            "order of the array, or fit on a frame"
        )


def _refuse_unsendable(recipe: Recipe) -> None:
    """Raise DeliveryError for a column that no row of JSON can hold.

    It says so where the pipeline does not need that column.
    """
    errors: dict[Any, DeliveryError] = {}
    if recipe.training is not None:
        errors |= unsendable(recipe.training)

    errors |= unsendable(recipe.held_out)
    bad = [name for name in recipe.held_out.columns if name in errors]
    if not bad:
        return

    reduced = recipe.held_out.drop(columns=bad)
    if len(reduced.columns) and _predicts_same_on(recipe, reduced):
        raise DeliveryError(
            f"{errors[bad[0]]}; or leave {_listed(bad)} out of the held-out rows: the pipeline "
            f"predicts the same without"
        )

    raise errors[bad[0]]


def _refuse_missing(recipe: Recipe, missing: list[Any], extra: list[Any]) -> None:
    """Raise DeliveryError where the pipeline fails without columns that it was fitted on.

    Names alone do not tell: it may have been fitted on columns that it drops.
    """
    error = _error_on(recipe, recipe.held_out) if missing else None
    if error is None:
        return

    hint = f" (they have {_listed(extra)}, which it was not)" if extra else ""
    raise DeliveryError(
        f"the held-out rows lack {_listed(missing)}, which the pipeline was fitted on{hint}: add "
        f"or rename {_it(missing)}; the pipeline failed with {first_line(error)}"
    )


def _error_on(recipe: Recipe, frame: "pd.DataFrame") -> Exception | None:
    """The pipeline's last error on the first rows, None where it predicts one of them."""
    last_error = None
    for row in range(min(len(frame), ROWS_TRIED)):
        try:
            _predict(recipe, frame.iloc[[row]], recipe.outputs[0])
            return None
        except Exception as error:  # noqa: BLE001 (a pipeline may raise anything)
            last_error = error

    return last_error


def _predicts_same_on(recipe: Recipe, changed: "pd.DataFrame") -> bool:
    """Whether the pipeline predicts of a changed frame what it predicts of the held-out rows."""
    return all(_gives_same_on(recipe, changed, output) for output in recipe.outputs)


def _gives_same_on(recipe: Recipe, changed: "pd.DataFrame", output: str) -> bool:
    try:
        of_changed = _predict(recipe, changed, output)
    except Exception:  # noqa: BLE001 (as above)
        return False

    try:
        of_held_out = _predict(recipe, recipe.held_out, output)
    except Exception:  # noqa: BLE001 (as above)
        # It predicts the changed frame only.
        return True

    if of_changed.dtype.kind == "f" and of_changed.shape == of_held_out.shape:
        # A forest adds its trees up in any order.
        return bool(np.allclose(of_changed, of_held_out, rtol=1e-9, atol=1e-12, equal_nan=True))

    return np.array_equal(of_changed, of_held_out)


def _predict(recipe: Recipe, frame: "pd.DataFrame", output: str) -> np.ndarray:
    # A step may change its frame in place, and these rows are still to be measured.
    return answer_of(getattr(recipe.pipeline, output), frame.copy())


def _listed(names: list[Any]) -> str:
    return ", ".join(repr(str(name)) for name in names)


def _it(names: list[Any]) -> str:
    if len(names) == 1:
        return "it"

    return "them"
