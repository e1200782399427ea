"""The columns that the pipeline was fitted on: held-out rows lack none of them, and users are asked for no other."""

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from delivery.errors import DeliveryError, first_line
from delivery.recipe import Recipe

if TYPE_CHECKING:
    import pandas as pd

ROWS_TRIED = 20


def with_fitted_columns(recipe: Recipe, report: Callable[[str], None]) -> Recipe:
    """The recipe without columns that its pipeline was not fitted on, each named in a line.

    Raises DeliveryError where a column is missing, or where one of the others changes the predictions. A pipeline
    that does not know its columns (no `feature_names_in_`) keeps all.
    """
    names = getattr(recipe.pipeline, "feature_names_in_", None)
    if names is None:
        return recipe
    fitted, given = list(names), list(recipe.held_out.columns)
    strays = [name for name in given if name not in fitted]
    _refuse_missing(recipe, [name for name in fitted if name not in given], strays)
    if not strays:
        return recipe
    bare = recipe.held_out.drop(columns=strays)
    if not _same_without(recipe, bare):
        raise DeliveryError(
            f"the held-out rows have {_listed(strays)}, which the pipeline was not fitted on, and it does not predict "
            f"the same without: take {_it(strays)} out of the held-out rows or the sample, or fit on {_it(strays)}"
        )
    truth = (
        "" if recipe.labels is not None else " (is the truth among them? name it by --label, or labels= in a recipe)"
    )
    report(
        f"left out {_listed(strays)}: the pipeline was not fitted on {_it(strays)} and predicts the same without{truth}"
    )
    return replace(recipe, held_out=bare)


def _refuse_missing(recipe: Recipe, missing: list[Any], strays: list[Any]) -> None:
    """Names alone do not tell: a pipeline may have been fitted on columns that it drops."""
    error = _error_on(recipe, recipe.held_out) if missing else None
    if error is None:
        return
    there = f" (they have {_listed(strays)}, which it was not)" if strays else ""
    raise DeliveryError(
        f"the held-out rows lack {_listed(missing)}, which the pipeline was fitted on{there}: add or rename "
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


def _same_without(recipe: Recipe, bare: "pd.DataFrame") -> bool:
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
    return np.asarray(getattr(recipe.pipeline, recipe.output)(frame))


def _listed(names: list[Any]) -> str:
    return ", ".join(repr(str(name)) for name in names)


def _it(names: list[Any]) -> str:
    return "it" if len(names) == 1 else "them"
