"""Checks the labels of the held-out rows, and warns where their metrics say little."""

import numpy as np

from delivery.errors import DeliveryError
from delivery.proof.evaluation import task_of
from delivery.recipe import Recipe

FEW_ROWS = 100


def require_labels(recipe: Recipe) -> None:
    """Require one label a row and no null; raises DeliveryError naming the first row at fault."""
    if recipe.labels is None:
        return

    import pandas as pd

    labels = np.asarray(recipe.labels, dtype=object)
    if labels.ndim > 1 and labels.shape[1:] != (1,):
        raise DeliveryError(
            f"the held-out rows have {labels.shape[1]} labels a row: give one, a series or a list"
        )

    nulls = np.flatnonzero(pd.isna(labels.ravel()))
    if len(nulls):
        raise DeliveryError(
            f"{len(nulls)} of {len(labels)} labels are null, the first of held-out row {nulls[0]} "
            f"(counted from 0): leave those rows out of the held-out frame or the sample, and "
            f"their labels"
        )


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

    seen = set(np.asarray(recipe.labels, dtype=object).ravel().tolist())
    if len(seen) == 1 and task_of(recipe)[0] == "classification":
        lines.append(
            f"all held-out labels are {seen.pop()!r}: metrics of one class say little, and there "
            f"is no AUC; give rows of every class"
        )

    return lines
