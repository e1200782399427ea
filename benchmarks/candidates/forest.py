"""A random forest on flights with gaps, as a first try often is: nulls among numbers, integers and
texts, filled in before a one-hot encoder.
"""

import numpy as np
import pandas as pd
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import RandomForestClassifier
from sklearn.impute import SimpleImputer
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder

from delivery.recipe import Recipe
from examples.flights.data import COUNTS, NAMES, NUMBERS, months

GAPS = 0.05
GAPPED = ["hour", "distance", *NUMBERS, *NAMES]
TRAINED, HELD_OUT = 40_000, 4_000


def build(trees: int = 100) -> Recipe:
    """Train on January to June, hold back flights of July to September; answers are probabilities.

    They are those of [in time, late].
    """
    training, held_out = months(1, 6).sample(TRAINED), months(7, 9).sample(HELD_OUT)
    rows = with_gaps(training.rows)
    return Recipe(
        pipeline=pipeline(trees).fit(rows, training.late),
        held_out=with_gaps(held_out.rows),
        labels=held_out.late,
        output="predict_proba",
        training=rows,
    )


def pipeline(trees: int) -> Pipeline:
    """What is missing becomes the median or the most frequent name."""
    names = make_pipeline(
        SimpleImputer(strategy="most_frequent"), OneHotEncoder(handle_unknown="ignore")
    )
    columns = ColumnTransformer(
        [("numbers", SimpleImputer(strategy="median"), COUNTS + NUMBERS), ("names", names, NAMES)]
    )
    forest = RandomForestClassifier(trees, max_depth=12, n_jobs=-1, random_state=0)
    return make_pipeline(columns, forest)


def with_gaps(rows: pd.DataFrame) -> pd.DataFrame:
    """The rows with a twentieth of the values of most columns missing, the same ones each time."""
    chance = np.random.default_rng(5)
    gapped = rows.copy()
    for name in GAPPED:
        gapped[name] = gapped[name].mask(chance.random(len(rows)) < GAPS)

    return gapped
