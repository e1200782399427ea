"""v2: gradient boosting on January to June, which finds what v1's straight lines cannot."""

import numpy as np
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OrdinalEncoder

from delivery.recipe import Recipe
from examples.flights.data import COUNTS, NAMES, NUMBERS, months


def build() -> Recipe:
    """Train, and hold back 20,000 flights of July to September; answers are probabilities of [in
    time, late].
    """
    training, held_out = months(1, 6), months(7, 9).sample(20_000)
    fitted = pipeline().fit(training.rows, training.late)
    return Recipe(
        pipeline=fitted,
        held_out=held_out.rows,
        labels=held_out.late,
        output="predict_proba",
        training=training.rows,
    )


def pipeline() -> Pipeline:
    """Nulls go down a branch of their own; a name never seen in training is one more number, -1."""
    names = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1, dtype=np.float32)
    columns = ColumnTransformer(
        [("numbers", "passthrough", COUNTS + NUMBERS), ("names", names, NAMES)]
    )
    boosting = HistGradientBoostingClassifier(
        max_iter=100, learning_rate=0.1, max_leaf_nodes=31, early_stopping=False, random_state=0
    )
    return make_pipeline(columns, boosting)
