"""A small honest model: does a loan default, from amount, age and city."""

import numpy as np
import pandas as pd
from sklearn.compose import ColumnTransformer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from delivery.recipe import Recipe

CITIES = ["Oslo", "Bergen", "Tromsø"]


def data(seed):
    """600 loans and whether they default."""
    chance = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "amount": chance.gamma(2.0, 1000.0, 600).round(2),
            "age": chance.integers(18, 80, 600),
            "city": chance.choice(CITIES, 600).astype(object),
        }
    )
    return frame, (
        frame["amount"] / 2000 + (frame["city"] == "Oslo") + chance.normal(0, 0.7, 600) > 1.4
    ).astype(int)


def build(strength=1.0, unknown="ignore"):
    """The fitted pipeline with 600 loans it has not seen."""
    names = OneHotEncoder(handle_unknown=unknown)
    columns = ColumnTransformer(
        [("numbers", StandardScaler(), ["amount", "age"]), ("names", names, ["city"])]
    )
    rows, labels = data(1)
    held_out, truth = data(2)
    pipeline = make_pipeline(columns, LogisticRegression(C=strength)).fit(rows, labels)
    return Recipe(pipeline, held_out, truth, "predict_proba", rows)
