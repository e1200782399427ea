"""v1's loans with boosted trees of LightGBM, behind a step that has no form in ONNX."""

import numpy as np
from lightgbm import LGBMClassifier
from sklearn.compose import ColumnTransformer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler

from delivery.recipe import Recipe
from tests.e2e.recipes.v1 import data


def build():
    """The fitted pipeline with 600 loans it has not seen."""
    names = OneHotEncoder(handle_unknown="ignore", sparse_output=False)
    columns = ColumnTransformer(
        [("numbers", StandardScaler(), ["amount", "age"]), ("names", names, ["city"])]
    )
    columns.set_output(transform="pandas")
    rows, labels = data(1)
    held_out, truth = data(2)
    model = LGBMClassifier(n_estimators=20, num_leaves=7, n_jobs=1, verbose=-1, random_state=0)
    pipeline = make_pipeline(columns, FunctionTransformer(np.arctan), model).fit(rows, labels)
    return Recipe(pipeline, held_out, truth, "predict_proba", rows)
