"""v1's loans with a step that has no ONNX form: the pipeline itself serves."""

import numpy as np
from sklearn.compose import ColumnTransformer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder

from delivery.recipe import Recipe
from tests.e2e.recipes.v1 import data


def build():
    """The fitted pipeline with 600 loans it has not seen."""
    numbers = FunctionTransformer(np.log1p, feature_names_out="one-to-one")
    names = OneHotEncoder(handle_unknown="ignore")
    columns = ColumnTransformer(
        [("numbers", numbers, ["amount", "age"]), ("names", names, ["city"])]
    )
    rows, labels = data(1)
    held_out, truth = data(2)
    pipeline = make_pipeline(columns, LogisticRegression()).fit(rows, labels)
    return Recipe(pipeline, held_out, truth, "predict_proba", rows)
