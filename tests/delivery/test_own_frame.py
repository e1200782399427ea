"""What a user is served is what the pipeline says of the user's own frame, or it is refused."""

import msgspec
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.compose import ColumnTransformer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder
from sklearn.tree import DecisionTreeClassifier

from delivery.errors import DeliveryError
from delivery.recipe import Recipe
from service.bundle import Bundle
from service.predict import Predictor
from service.runtimes.load_model import load_model

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


def served(harness, manifest, rows):
    """What users get for these rows as JSON."""
    predictor = Predictor(manifest, load_model(Bundle(harness.folder / "draft", manifest, "")))
    return predictor.predict(msgspec.json.encode({"instances": rows})).predictions


def test_a_null_among_floats_is_none_again_where_training_held_none(harness):
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
    assert np.allclose(served(harness, harness.write(recipe), rows), own)


def none_is_five(frame):
    """Another number for None than for NaN."""
    return pd.DataFrame({"k": frame["k"].map(lambda item: 5.0 if item is None else float(item))})


def test_one_none_among_many_nans_is_refused_however_rare_it_is(harness, monkeypatch):
    """JSON has one null only, and the pipeline tells the two apart."""
    monkeypatch.setattr("delivery.proof.served_check.TRAINING_ROWS", 10)
    frame = pd.DataFrame({"k": pd.Series([0.5, 1.5, 2.5, 3.5] * 100, dtype=object)})
    labels = (frame["k"] > 2).astype(int)
    frame.loc[TRAINED + 5, "k"] = np.nan
    frame.loc[7, "k"], labels[7] = None, 2
    step = FunctionTransformer(none_is_five)
    recipe = recipe_of(make_pipeline(step, DecisionTreeClassifier()), frame, labels)
    with pytest.raises(DeliveryError, match="training row 7 gets"):
        harness.write(recipe)


TIMES_ASKED: list[int] = []


def counted(frame):
    """The frame, counted in the process that asks."""
    TIMES_ASKED.append(len(frame))
    return frame


def test_steps_with_jobs_are_computed_in_the_process_that_serves(harness):
    """A forked worker would wait for ever for processes that its parent started."""
    frame = numbers()
    steps = [(name, FunctionTransformer(counted), [name]) for name in frame.columns]
    columns = ColumnTransformer(steps)
    pipeline = make_pipeline(columns, LogisticRegression())
    recipe = recipe_of(pipeline, frame, (frame["a"] > 0).astype(int))
    own = recipe.pipeline.predict_proba(frame[:3])
    columns.set_params(n_jobs=2)
    manifest = harness.write(recipe)
    rows = frame[:3].to_dict(orient="records")
    TIMES_ASKED.clear()
    answers = served(harness, manifest, rows)
    assert TIMES_ASKED == [3, 3]
    assert np.allclose(answers, own)


def ten_times(frame):
    """The frame itself, changed in place."""
    frame["a"] = frame["a"] * 10
    return frame


@pytest.mark.parametrize("stray", [False, True])
def test_a_step_that_changes_its_frame_does_not_change_what_is_measured(harness, stray):
    frame = numbers()
    labels = (frame["a"] > 0.5).astype(int)
    step = FunctionTransformer(ten_times)
    recipe = recipe_of(make_pipeline(step, DecisionTreeClassifier(max_depth=3)), frame, labels)
    held_out = recipe.held_out.assign(row=1) if stray else recipe.held_out.copy()
    before = held_out.copy()
    manifest = harness.write(Recipe(recipe.pipeline, held_out, recipe.labels, recipe.output))
    pd.testing.assert_frame_equal(held_out, before)
    assert manifest.columns[0].maximum == before["a"].max()
    assert manifest.metrics["accuracy"] > 0.95


class Answering(RegressorMixin, BaseEstimator):
    """Answers what `made` makes of the column a."""

    def __init__(self, made):
        self.made = made

    def fit(self, frame, labels):
        """Nothing is learnt."""
        self.fitted_ = True
        return self

    def predict(self, frame):
        """See above."""
        return self.made(frame["a"].to_numpy())


def dates(array):
    """A date a row."""
    return np.datetime64("2021-01-31", "ns") + (array > 0).astype("timedelta64[ns]")


def spans(array):
    """A span of time a row."""
    return (array * 100).astype("timedelta64[s]")


def halves(array):
    """Half a character a row."""
    return ["ja\udce9" for _ in array]


@pytest.mark.parametrize(
    ("made", "message"),
    [
        (dates, r"answered datetime64\[ns\], of which JSON has no form: let it answer texts"),
        (spans, r"answered timedelta64\[s\], of which JSON has no form"),
        (halves, "half a character"),
    ],
)
def test_an_answer_that_json_cannot_hold_is_refused_in_one_sentence(harness, made, message):
    recipe = recipe_of(Answering(made), numbers(), numbers()["a"], "predict")
    with pytest.raises(DeliveryError, match=message):
        harness.write(Recipe(recipe.pipeline, recipe.held_out, None))


@pytest.mark.parametrize(
    ("classes", "message"),
    [
        (np.array(["2021-01-31", "2022-01-31"], dtype="datetime64[ns]"), "classes are dates"),
        (np.array(["ja\udce9", "nei"], dtype=object), "half a character in its text"),
    ],
)
def test_classes_that_json_cannot_hold_are_refused_in_one_sentence(harness, classes, message):
    frame = numbers()
    labels = classes[(frame["a"] > 0).astype(int)]
    recipe = recipe_of(DecisionTreeClassifier(), frame, labels, "predict")
    with pytest.raises(DeliveryError, match=message):
        harness.write(Recipe(recipe.pipeline, recipe.held_out, None))


def numbers_as_objects(array):
    """Objects of numpy's own kind of number."""
    return np.array([*map(np.float64, array)], dtype=object)


def test_numbers_and_texts_of_numpy_in_an_array_of_objects_are_served_plainly(harness):
    frame = numbers()
    recipe = recipe_of(Answering(numbers_as_objects), frame, frame["a"], "predict")
    manifest = harness.write(recipe)
    rows = frame[:3].to_dict(orient="records")
    assert served(harness, manifest, rows) == frame["a"][:3].tolist()


def test_classes_of_numpys_texts_are_served_plainly(harness):
    frame = numbers()
    labels = np.array(list(np.where(frame["a"] > 0, "yes", "no")), dtype=object)
    recipe = recipe_of(DecisionTreeClassifier(), frame, labels, "predict")
    answers = served(harness, harness.write(recipe), frame[:3].to_dict(orient="records"))
    assert answers == labels[:3].tolist()
    assert {type(item) for item in answers} == {str}


@pytest.mark.usefixtures("few_probes")
def test_a_dictionary_of_pyarrow_is_served(harness):
    frame = numbers()
    kind = pd.ArrowDtype(pa.dictionary(pa.int32(), pa.string()))
    frame["k"] = pd.Series(["red", "blue"] * (len(frame) // 2)).astype(kind)
    columns = ColumnTransformer([("k", OneHotEncoder(), ["k"])], remainder="passthrough")
    labels = (frame["a"] > 0).astype(int)
    recipe = recipe_of(make_pipeline(columns, LogisticRegression()), frame, labels)
    rows = frame[:3].to_dict(orient="records")
    own = recipe.pipeline.predict_proba(frame[:3])
    assert np.allclose(served(harness, harness.write(recipe), rows), own)


def ends(array):
    """Ends the process on a number above two."""
    if (array > 2).any():
        raise SystemExit("too large")
    return array


def test_a_step_that_would_end_the_process_fails_on_its_row_alone(harness):
    frame = numbers()
    frame["a"] = frame["a"].clip(-1, 1)
    recipe = recipe_of(Answering(ends), frame, frame["a"], "predict")
    rows = [{"a": 0.5, "b": 0.0}, {"a": 3.0, "b": 0.0}]
    assert served(harness, harness.write(recipe), rows) == [0.5, None]
