"""A classifier of three numbers, the sign of the first: what public reports' clients are tried
on.
"""

import numpy as np
import pandas as pd
from sklearn.svm import LinearSVC

from delivery.recipe import Recipe


def recipe(sign: int = 1, dtype: type = int) -> Recipe:
    """Classes 0 and 1 of this type; a sign of -1 answers the other way round."""
    chance = np.random.default_rng(2 + sign)
    rows = pd.DataFrame(chance.normal(size=(900, 3)), columns=["a", "b", "c"])
    truth = (sign * rows["a"] > 0).astype(dtype)
    return Recipe(
        LinearSVC(random_state=0).fit(rows[:600], truth[:600]),
        rows[600:],
        truth[600:],
        "predict",
        rows[:600],
    )


def build() -> Recipe:
    """The honest one."""
    return recipe()
