"""The columns that the pipeline was fitted on: held-out rows lack none of them, and users are asked
for no other.

Rows go by name: the order of a frame's columns is the pipeline's own, and names are texts, as in
JSON."""

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from delivery.errors import DeliveryError, first_line
from delivery.inputs.column_kinds import unsendable
from delivery.inputs.signature import check_names
from delivery.recipe import Recipe
from service.model import answer_of

if TYPE_CHECKING:
    import pandas as pd

ROWS_TRIED = 20
Report = Callable[[str], None]


def with_inputs_as_fitted(recipe: Recipe, report: Report) -> Recipe:
    """The recipe with frames of the columns that its pipeline needs, in its order, named by texts.

    What is left out is named in a line. Raises DeliveryError where a column is missing, has no form
    in JSON, or where one that would be left out changes the predictions."""
    for frame in (recipe.held_out, recipe.training):
        if frame is not None:
            check_names(frame)

    recipe = _with_names_as_texts(recipe)
    recipe = _with_fitted_columns(recipe, report)
    _refuse_unsendable(recipe)
    return recipe


def _with_names_as_texts(recipe: Recipe) -> Recipe:
    """Numbers and tuples as names become the texts that a row of JSON has in their place."""
    if all(isinstance(name, str) for name in recipe.held_out.columns):
        return recipe

    named = recipe.held_out.set_axis(_texts(recipe.held_out), axis=1)
    if not _same_on(recipe, named):
        raise DeliveryError(
            f"the columns are named {_listed(list(recipe.held_out.columns)[:3])} ..., no texts, "
            f"and the pipeline does "
            "not predict the same where they are texts, as in JSON: fit it on "
            "frame.rename(columns=str)"
        )

    training = recipe.training
    return replace(
        recipe,
        held_out=named,
        training=None if training is None else training.set_axis(_texts(training), axis=1),
    )


def _texts(frame: "pd.DataFrame") -> list[str]:
    return [str(name) for name in frame.columns]


def _with_fitted_columns(recipe: Recipe, report: Report) -> Recipe:
    """Without columns that the pipeline was not fitted on; one that does not know its columns keeps
    all.
    """
    names = getattr(recipe.pipeline, "feature_names_in_", None)
    if names is None:
        _refuse_another_order(recipe)
        return recipe

    fitted, given = list(names), list(recipe.held_out.columns)
    strays = [name for name in given if name not in fitted]
    ordered = [name for name in fitted if name in given]
    if [name for name in given if name in fitted] != ordered:
        recipe = replace(recipe, held_out=recipe.held_out[[*ordered, *strays]])

    _refuse_missing(recipe, [name for name in fitted if name not in given], strays)
    if not strays:
        return recipe

    bare = recipe.held_out[ordered]
    if not _same_on(recipe, bare):
        raise DeliveryError(
            f"the held-out rows have {_listed(strays)}, which the pipeline was not fitted on, and "
            f"it does not predict "
            f"the same without: take {_it(strays)} out of the held-out rows or the sample, or fit "
            f"on {_it(strays)}"
        )

    truth = (
        ""
        if recipe.labels is not None
        else " (is the truth among them? name it by --label, or labels= in a recipe)"
    )
    report(
        f"left out {_listed(strays)}: the pipeline was not fitted on {_it(strays)} and predicts "
        f"the same without{truth}"
    )
    return replace(recipe, held_out=bare)


def _refuse_another_order(recipe: Recipe) -> None:
    """A pipeline that was fitted on arrays goes by place, so that only one order can be the right
    one.
    """
    if recipe.training is None:
        return

    given, seen = list(recipe.held_out.columns), list(recipe.training.columns)
    if given != seen and sorted(given) == sorted(seen):
        raise DeliveryError(
            "the held-out rows have their columns in another order than the training rows, and "
            "the pipeline, fitted on "
            "an array, does not know their names: give both frames the order of the array, or fit "
            "on a frame"
        )


def _refuse_unsendable(recipe: Recipe) -> None:
    """Raise DeliveryError for a column that no row of JSON can hold, and say so where the pipeline
    does not need it.
    """
    frames = [recipe.held_out] if recipe.training is None else [recipe.training, recipe.held_out]
    errors = {name: error for frame in frames for name, error in unsendable(frame).items()}
    bad = [name for name in recipe.held_out.columns if name in errors]
    if not bad:
        return

    bare = recipe.held_out.drop(columns=bad)
    if len(bare.columns) and _same_on(recipe, bare):
        raise DeliveryError(
            f"{errors[bad[0]]}; or leave {_listed(bad)} out of the held-out rows: the pipeline "
            f"predicts the same "
            "without"
        )

    raise errors[bad[0]]


def _refuse_missing(recipe: Recipe, missing: list[Any], strays: list[Any]) -> None:
    """Names alone do not tell: a pipeline may have been fitted on columns that it drops."""
    error = _error_on(recipe, recipe.held_out) if missing else None
    if error is None:
        return

    there = f" (they have {_listed(strays)}, which it was not)" if strays else ""
    raise DeliveryError(
        f"the held-out rows lack {_listed(missing)}, which the pipeline was fitted on{there}: add "
        f"or rename "
        f"{_it(missing)}; it said {first_line(error)}"
    )


def _error_on(recipe: Recipe, frame: "pd.DataFrame") -> Exception | None:
    """What the pipeline says of the first rows, None where it predicts one of them."""
    found = None
    for place in range(min(len(frame), ROWS_TRIED)):
        try:
            _predict(recipe, frame.iloc[[place]])
            return None
        except Exception as error:  # noqa: BLE001 (a pipeline may raise anything)
            found = error

    return found


def _same_on(recipe: Recipe, bare: "pd.DataFrame") -> bool:
    """Whether the pipeline predicts of this frame what it does of the held-out rows."""
    try:
        without = _predict(recipe, bare)
    except Exception:  # noqa: BLE001 (as above)
        return False

    try:
        whole = _predict(recipe, recipe.held_out)
    except Exception:  # noqa: BLE001 (as above)
        # Only without them it predicts.
        return True

    if without.dtype.kind == "f" and without.shape == whole.shape:
        # A forest adds its trees up in any order.
        return bool(np.allclose(without, whole, rtol=1e-9, atol=1e-12, equal_nan=True))

    return np.array_equal(without, whole)


def _predict(recipe: Recipe, frame: "pd.DataFrame") -> np.ndarray:
    # A step may change its frame in place, and these rows are still to be measured.
    return answer_of(getattr(recipe.pipeline, recipe.output), frame.copy())


def _listed(names: list[Any]) -> str:
    return ", ".join(repr(str(name)) for name in names)


def _it(names: list[Any]) -> str:
    if len(names) == 1:
        return "it"
    return "them"
