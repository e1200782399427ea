"""Checks the labels of the held-out rows, and warns where their metrics say little."""

from collections.abc import Sequence

import numpy as np

from delivery.errors import DeliveryError
from delivery.proof.evaluation import task_of
from delivery.recipe import Recipe
from service.bundle import Output
from service.runtimes.outputs import PREDICT

FEW_ROWS = 100


def require_labels(recipe: Recipe, outputs: Sequence[Output] = ()) -> None:
    """Require one label for each target of a row, and no null.

    Raises DeliveryError naming the first row at fault.
    """
    if recipe.labels is None:
        return

    import pandas as pd

    labels = np.asarray(recipe.labels, dtype=object)
    given = labels.shape[1] if labels.ndim > 1 else 1
    targets = _targets(outputs)
    if labels.ndim > 2 or given != targets:
        needed = "one, a series or a list"
        if targets > 1:
            needed = f"a frame or an array with one for each of the {targets} targets"

        raise DeliveryError(f"the held-out rows have {given} labels a row: give {needed}")

    nulls = np.flatnonzero(pd.isna(labels.reshape(len(labels), given)).any(axis=1))
    if len(nulls):
        raise DeliveryError(
            f"{len(nulls)} of {len(labels)} labels are null, the first of held-out row {nulls[0]} "
            f"(counted from 0): leave those rows out of the held-out frame or the sample, and "
            f"their labels"
        )


def _targets(outputs: Sequence[Output]) -> int:
    """How many labels a row has."""
    for output in outputs:
        if output.shape and (output.name == PREDICT or output.classes):
            return output.shape[0]

    return 1


def cautions(recipe: Recipe) -> list[str]:
    """A line for each reason why the metrics say little; none without labels."""
    if recipe.labels is None:
        return []

    lines = []
    if len(recipe.held_out) < FEW_ROWS:
        lines.append(
            f"only {len(recipe.held_out)} held-out rows: metrics of so few say little, give "
            f"thousands"
        )

    labels = np.asarray(recipe.labels, dtype=object)
    seen = set(labels.ravel().tolist())
    if labels.ndim == 1 and len(seen) == 1 and task_of(recipe)[0] == "classification":
        lines.append(
            f"all held-out labels are {seen.pop()!r}: metrics of one class say little, and there "
            f"is no AUC; give rows of every class"
        )

    return lines
