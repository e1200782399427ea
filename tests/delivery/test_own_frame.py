"""What a user is served is what the pipeline says of the user's own frame, or it is refused."""

import msgspec
import numpy as np
import pandas as pd
import pytest
from sklearn.compose import ColumnTransformer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder
from sklearn.tree import DecisionTreeClassifier

from delivery.errors import DeliveryError
from delivery.recipe import Recipe
from service.bundle import Bundle
from service.model import load_model
from service.predict import Predictor

TRAINED, HELD_OUT = 300, 100


def numbers(names="ab", seed=0):
    """Columns of small numbers, rounded as users write them."""
    chance = np.random.default_rng(seed)
    rows = TRAINED + HELD_OUT
    return pd.DataFrame(chance.normal(size=(rows, len(names))).round(3), columns=list(names))


def recipe_of(pipeline, frame, labels, output="predict_proba"):
    """The pipeline fitted on the first rows, with the others held out."""
    pipeline.fit(frame[:TRAINED].copy(), labels[:TRAINED])
    return Recipe(pipeline, frame[TRAINED:], labels[TRAINED:], output, frame[:TRAINED])


def served(workshop, manifest, rows):
    """What users get for these rows as JSON."""
    predictor = Predictor(manifest, load_model(Bundle(workshop.folder / "draft", manifest, "")))
    return predictor.predict(msgspec.json.encode({"instances": rows})).predictions


def test_a_null_among_floats_is_none_again_where_training_held_none(workshop):
    """An encoder of categories takes None and NaN for different values."""
    frame = numbers("v")
    frame["k"] = pd.Series(np.tile([0.5, 1.5, 2.0, 1.5], len(frame) // 4).tolist(), dtype=object)
    frame.loc[: TRAINED - 1 : 10, "k"] = None
    labels = frame["k"].isna() | (frame["v"] > 1)
    encoder = OneHotEncoder(handle_unknown="ignore")
    columns = ColumnTransformer([("k", encoder, ["k"]), ("v", "passthrough", ["v"])])
    recipe = recipe_of(make_pipeline(columns, LogisticRegression()), frame, labels.astype(int))
    own = recipe.pipeline.predict_proba(frame[:40])
    rows = msgspec.json.decode(frame[:40].to_json(orient="records"))
    assert np.allclose(served(workshop, workshop.write(recipe), rows), own)


def none_is_five(frame):
    """Another number for None than for NaN."""
    return pd.DataFrame({"k": frame["k"].map(lambda each: 5.0 if each is None else float(each))})


def test_one_none_among_many_nans_is_refused_however_rare_it_is(workshop, monkeypatch):
    """JSON has one null only, and the pipeline tells the two apart."""
    monkeypatch.setattr("delivery.proof.served_check.TRAINING_ROWS", 10)
    frame = pd.DataFrame({"k": pd.Series([0.5, 1.5, 2.5, 3.5] * 100, dtype=object)})
    labels = (frame["k"] > 2).astype(int)
    frame.loc[TRAINED + 5, "k"] = np.nan
    frame.loc[7, "k"], labels[7] = None, 2
    step = FunctionTransformer(none_is_five)
    recipe = recipe_of(make_pipeline(step, DecisionTreeClassifier()), frame, labels)
    with pytest.raises(DeliveryError, match="training row 7 gets"):
        workshop.write(recipe)


TIMES_ASKED: list[int] = []


def counted(frame):
    """The frame, counted in the process that asks."""
    TIMES_ASKED.append(len(frame))
    return frame


def test_steps_with_jobs_are_computed_in_the_process_that_serves(workshop):
    """A forked worker would wait for ever for processes that its parent started."""
    frame = numbers()
    steps = [(name, FunctionTransformer(counted), [name]) for name in frame.columns]
    columns = ColumnTransformer(steps)
    pipeline = make_pipeline(columns, LogisticRegression())
    recipe = recipe_of(pipeline, frame, (frame["a"] > 0).astype(int))
    own = recipe.pipeline.predict_proba(frame[:3])
    columns.set_params(n_jobs=2)
    manifest = workshop.write(recipe)
    rows = frame[:3].to_dict(orient="records")
    TIMES_ASKED.clear()
    answers = served(workshop, manifest, rows)
    assert TIMES_ASKED == [3, 3]
    assert np.allclose(answers, own)
