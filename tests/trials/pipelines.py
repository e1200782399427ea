"""Pipelines of public reports' kinds, each with rows to ask about that its held-out rows lack."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import (
    BaggingClassifier,
    ExtraTreesClassifier,
    GradientBoostingClassifier,
    IsolationForest,
    RandomForestClassifier,
)
from sklearn.feature_extraction.text import HashingVectorizer, TfidfVectorizer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, PassiveAggressiveClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, OrdinalEncoder, StandardScaler

from delivery.recipe import Recipe

TRAINED = 500
Build = Callable[[], tuple[Recipe, pd.DataFrame | None]]
GOOD = ["good", "great", "fine", "café", "schön"]
BAD = ["bad", "poor", "sad", "übel", "böse"]


@dataclass(frozen=True)
class Trial:
    """build: the recipe and further rows to ask about; refused: what the refusal says, None where
    it is delivered.
    """

    build: Build
    refused: str | None = None
    certified: str | None = None


def fitted(
    pipeline: Any,
    rows: pd.DataFrame,
    truth: Any,
    output: str = "predict_proba",
    more: pd.DataFrame | None = None,
) -> tuple[Recipe, pd.DataFrame | None]:
    """Fitted on the first rows; the rest is held out."""
    truth = np.asarray(truth)
    pipeline.fit(rows[:TRAINED], truth[:TRAINED])
    return Recipe(pipeline, rows[TRAINED:], truth[TRAINED:], output, rows[:TRAINED]), more


def _chance(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def null_text() -> tuple[Recipe, pd.DataFrame | None]:
    """A null is imputed by the training rows' mode: alone it gets 0.86, not what its neighbours
    make of it.
    """
    chance = _chance()
    rows = pd.DataFrame(
        {
            "city": chance.choice(["Oslo", "Bergen"], 800, p=[0.8, 0.2]),
            "age": chance.normal(40, 9, 800),
        }
    )
    truth = (chance.random(800) < np.where(rows["city"] == "Oslo", 0.9, 0.1)).astype(int)
    rows.loc[chance.random(800) < 0.2, "city"] = np.nan
    cities = make_pipeline(
        SimpleImputer(strategy="most_frequent"), OneHotEncoder(handle_unknown="ignore")
    )
    pipeline = make_pipeline(
        ColumnTransformer([("cities", cities, ["city"])], remainder="passthrough"),
        LogisticRegression(),
    )
    asked = pd.DataFrame(
        {"city": pd.Series([np.nan, "Oslo", np.nan], dtype=rows["city"].dtype), "age": 40.0}
    )
    return fitted(pipeline, rows, truth, more=asked)


def null_text_in_objects() -> tuple[Recipe, pd.DataFrame | None]:
    """The same with a column of objects whose nulls are None."""
    recipe, _ = null_text()
    held, trained = (frame.astype({"city": object}) for frame in (recipe.held_out, recipe.training))
    for frame in (held, trained):
        plain = [None if value != value else value for value in frame["city"]]
        frame["city"] = pd.Series(plain, dtype=object, index=frame.index)

    pipeline = recipe.pipeline.set_params(
        columntransformer__cities__simpleimputer=SimpleImputer(
            missing_values=None, strategy="most_frequent"
        )
    )
    truth = pd.Series((trained["city"] == "Oslo").astype(int))
    pipeline.fit(trained, truth)
    made = Recipe(
        pipeline, held, np.asarray(held["city"] == "Oslo").astype(int), "predict_proba", trained
    )
    return made, pd.DataFrame(
        {"city": pd.Series([None, "Oslo"], dtype=object), "age": [40.0, 40.0]}
    )


def nulls_in_training_only(model: Any) -> tuple[Recipe, pd.DataFrame | None]:
    """Trees that met nulls; the held-out rows have none."""
    chance = _chance(1)
    rows = pd.DataFrame(chance.normal(size=(800, 3)).round(3), columns=list("abc"))
    truth = (rows["a"] + rows["b"] / 2 > 0).astype(int)
    rows[:TRAINED] = rows[:TRAINED].mask(chance.random((TRAINED, 3)) < 0.2)
    pipeline = make_pipeline(ColumnTransformer([("all", "passthrough", list("abc"))]), model)
    asked = pd.DataFrame(
        {"a": [np.nan, 1.0, np.nan], "b": [1.0, np.nan, np.nan], "c": [0.0, 0.0, np.nan]}
    )
    return fitted(pipeline, rows, truth, more=asked)


def unseen_category(encoder: Any) -> tuple[Recipe, pd.DataFrame | None]:
    """A category that neither training nor held-out rows have."""
    chance = _chance(2)
    plans = ["basic", "gold", "pro"]
    rows = pd.DataFrame(
        {"plan": chance.choice(plans, 800), "age": chance.normal(40, 9, 800).round(1)}
    )
    truth = (chance.random(800) < rows["plan"].map({"basic": 0.9, "gold": 0.5, "pro": 0.1})).astype(
        int
    )
    model = GradientBoostingClassifier(n_estimators=20, random_state=0)
    pipeline = make_pipeline(
        ColumnTransformer([("plans", encoder, ["plan"])], remainder="passthrough"), model
    )
    asked = pd.DataFrame({"plan": ["basic", "platinum", ""], "age": [40.0, 40.0, 40.0]})
    return fitted(pipeline, rows, truth, more=asked.astype(rows.dtypes.to_dict()))


def _mails() -> tuple[pd.Series, np.ndarray]:
    chance = _chance(3)
    truth = (chance.random(800) < 0.5).astype(int)
    return pd.Series(
        [" ".join(chance.choice(GOOD if good else BAD, 3)) for good in truth], name="text"
    ), truth


def words_beyond_ascii() -> tuple[Recipe, pd.DataFrame | None]:
    """Held-out texts happen to be ASCII, users' are not."""
    texts, truth = _mails()
    plain = texts.map(str.isascii) | (np.arange(800) < TRAINED)
    rows, truth = texts[plain].to_frame().reset_index(drop=True), truth[plain]
    pipeline = make_pipeline(
        ColumnTransformer([("text", TfidfVectorizer(lowercase=False), "text")]),
        LogisticRegression(),
    )
    asked = pd.DataFrame({"text": ["good", "schön café", "übel böse", "", "東京"]}).astype(
        rows.dtypes.to_dict()
    )
    return fitted(pipeline, rows, truth, more=asked)


def fitted_on_texts(kind: Callable[[pd.Series], Any]) -> tuple[Recipe, pd.DataFrame | None]:
    """The textbook's pipeline, fitted on a list or a series and held out as a frame."""
    texts, truth = _mails()
    pipeline = make_pipeline(TfidfVectorizer(), LogisticRegression()).fit(
        kind(texts[:TRAINED]), truth[:TRAINED]
    )
    held, trained = texts[TRAINED:].to_frame(), texts[:TRAINED].to_frame()
    return Recipe(pipeline, held, truth[TRAINED:], "predict_proba", trained), None


def names(first: str, second: str) -> tuple[Recipe, pd.DataFrame | None]:
    """Two columns of these names."""
    chance = _chance(4)
    rows = pd.DataFrame({first: chance.normal(size=800), second: chance.choice(["x", "y"], 800)})
    pipeline = make_pipeline(
        ColumnTransformer(
            [("texts", OneHotEncoder(handle_unknown="ignore"), [second])], remainder="passthrough"
        ),
        LogisticRegression(),
    )
    return fitted(pipeline, rows, (rows[first] > 0).astype(int))


def _two(columns: dict[str, Any], pipeline: Any = None) -> tuple[Recipe, pd.DataFrame | None]:
    rows = pd.DataFrame({"a": _chance(5).normal(size=800), **columns})
    return fitted(pipeline or LogisticRegression(), rows, (rows["a"] > 0).astype(int))


def lists_in_an_unused_column() -> tuple[Recipe, pd.DataFrame | None]:
    """The pipeline takes one column; the training frame has one of lists beside it."""
    pipeline = make_pipeline(
        ColumnTransformer([("numbers", StandardScaler(), ["a"])]), LogisticRegression()
    )
    recipe, _ = _two({"tags": [["x", "y"]] * 800}, pipeline)
    return Recipe(
        recipe.pipeline, recipe.held_out[["a"]], recipe.labels, "predict_proba", recipe.training
    ), None


def dates() -> tuple[Recipe, pd.DataFrame | None]:
    """A column of dates that the pipeline drops."""
    pipeline = make_pipeline(
        ColumnTransformer([("numbers", StandardScaler(), ["a"])]), LogisticRegression()
    )
    return _two(
        {"seen": pd.Timestamp("2026-01-01") + pd.to_timedelta(np.arange(800) % 300, unit="D")},
        pipeline,
    )


def another_order() -> tuple[Recipe, pd.DataFrame | None]:
    """Held-out columns in another order than at fit."""
    recipe, _ = _two({"b": _chance(6).normal(size=800)})
    return Recipe(
        recipe.pipeline,
        recipe.held_out[["b", "a"]],
        recipe.labels,
        "predict_proba",
        recipe.training,
    ), None


def private_texts() -> tuple[Recipe, pd.DataFrame | None]:
    """A mail a row, each with something that is nobody's business."""
    texts, truth = _mails()
    rows = pd.DataFrame(
        {"mail": [f"card 4000-{position:04d}: {text}" for position, text in enumerate(texts)]}
    )
    pipeline = make_pipeline(
        ColumnTransformer([("mail", HashingVectorizer(n_features=64), "mail")]),
        LogisticRegression(),
    )
    return fitted(pipeline, rows, truth)


def outliers() -> tuple[Recipe, pd.DataFrame | None]:
    """-1 and 1 are classes."""
    rows = pd.DataFrame(_chance(7).normal(size=(800, 2)), columns=["a", "b"])
    rows[TRAINED::10] *= 8
    model = IsolationForest(n_estimators=20, random_state=0).fit(rows[:TRAINED])
    truth = np.where(np.arange(TRAINED, 800) % 10 == 0, -1, 1)
    return Recipe(model, rows[TRAINED:], truth, "predict", rows[:TRAINED]), pd.DataFrame(
        {"a": [0.0, 9], "b": [0.0, 9]}
    )


def large_integers() -> tuple[Recipe, pd.DataFrame | None]:
    """Ids beyond 2**53 that decide by their last digit, with gaps in training."""
    ids = [2**53, 2**53 + 1]
    chosen = _chance(8).integers(0, 2, 800)
    rows = pd.DataFrame({"id": pd.Series([ids[item] for item in chosen], dtype="Int64"), "a": 0.5})
    rows.loc[:20, "id"] = pd.NA
    pipeline = make_pipeline(
        ColumnTransformer(
            [("ids", OneHotEncoder(handle_unknown="ignore"), ["id"])], remainder="passthrough"
        ),
        LogisticRegression(),
    )
    return fitted(
        pipeline,
        rows,
        chosen,
        more=pd.DataFrame({"id": pd.Series(ids, dtype="Int64"), "a": [0.0, 0.0]}),
    )


def deprecated() -> tuple[Recipe, pd.DataFrame | None]:
    """Its class warns that it is deprecated, which is no mismatch of versions."""
    return _two({}, PassiveAggressiveClassifier(random_state=0))


def float_classes(sign: int) -> tuple[Recipe, pd.DataFrame | None]:
    """Classes 0.0 and 1.0."""
    from tests.trials.three_columns import recipe

    return recipe(sign, float), pd.DataFrame({"a": [1.0, -1.0], "b": [0.0, 0], "c": [0.0, 0]})


def _trees() -> dict[str, Any]:
    return {
        "a forest": RandomForestClassifier(20, max_depth=5, random_state=0),
        "extra trees": ExtraTreesClassifier(20, max_depth=5, random_state=0),
        "bagging": BaggingClassifier(n_estimators=10, random_state=0),
    }


def _encoders() -> dict[str, Any]:
    return {
        "an ordinal encoder that refuses": OrdinalEncoder(),
        "an ordinal encoder with a code for it": OrdinalEncoder(
            handle_unknown="use_encoded_value", unknown_value=-1
        ),
        "a one-hot encoder that ignores": OneHotEncoder(handle_unknown="ignore"),
        "an encoder of infrequent ones": OneHotEncoder(
            handle_unknown="infrequent_if_exist", min_frequency=60
        ),
    }


TRIALS: dict[str, Trial] = {
    "null text": Trial(null_text),
    "null text in objects": Trial(null_text_in_objects),
    **{
        f"nulls in training only, {name}": Trial(lambda model=model: nulls_in_training_only(model))
        for name, model in _trees().items()
    },
    **{
        f"unseen category, {name}": Trial(lambda item=item: unseen_category(item))
        for name, item in _encoders().items()
    },
    "words beyond ASCII": Trial(words_beyond_ascii),
    "fitted on a list of texts": Trial(lambda: fitted_on_texts(list)),
    "fitted on a series of texts": Trial(lambda: fitted_on_texts(lambda texts: texts)),
    "a quote in a name": Trial(lambda: names('screen (")', "city")),
    "a newline in a name": Trial(lambda: names("Total\nAmount", "city")),
    "a backslash in a name": Trial(lambda: names("CORP\\user", "city")),
    "a dot and a keyword in names": Trial(lambda: names("home.dest", "instances")),
    "names beyond ASCII": Trial(lambda: names("年齢", "städt 🏙")),
    "names that a converter makes one": Trial(lambda: names("a b", "a_b")),
    "lists in an unused column": Trial(lists_in_an_unused_column),
    "dates": Trial(dates),
    "another order of columns": Trial(another_order),
    "sparse columns": Trial(lambda: _two({"c": pd.arrays.SparseArray(np.tile([0.0, 1.0], 400))})),
    "integers in a column of objects": Trial(
        lambda: _two({"n": pd.Series([item % 9 for item in range(800)], dtype=object)})
    ),
    "booleans in a column of objects": Trial(
        lambda: _two({"n": pd.Series([item % 2 == 0 for item in range(800)], dtype=object)})
    ),
    "private texts": Trial(private_texts),
    "outliers": Trial(outliers),
    "integers beyond 2**53": Trial(large_integers),
    "a deprecated class": Trial(
        lambda: (Recipe(deprecated()[0].pipeline, deprecated()[0].held_out, None, "predict"), None)
    ),
    "float classes": Trial(lambda: float_classes(1)),
    "a lambda": Trial(
        lambda: _two(
            {}, make_pipeline(FunctionTransformer(lambda rows: rows * 2), LogisticRegression())
        ),
        refused="lambda",
    ),
}
