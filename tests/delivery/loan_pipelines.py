"""Small honest recipes on made-up loans: one a kind of answer, and one for every reason why ONNX is
not certified.
"""

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, RegressorMixin, TransformerMixin
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import GradientBoostingClassifier, RandomForestClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LinearRegression, LogisticRegression, PoissonRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler

from delivery.recipe import Recipe

CITIES = ["Oslo", "Bergen", "Tromsø"]
ROW = {"amount": 1200.5, "age": 41, "member": True, "city": "Oslo", "income": 3100.0}
ROWS = 160


def loans(seed: int, rows: int = ROWS) -> pd.DataFrame:
    """Loans with a column of every dtype; an income in ten is not known."""
    chance = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "amount": chance.gamma(2.0, 1000.0, rows).round(2),
            "age": chance.integers(18, 80, rows),
            "member": chance.random(rows) < 0.5,
            "city": pd.Series(chance.choice(CITIES, rows), dtype=object),
            "income": chance.normal(3000, 500, rows).round(2),
        }
    )
    frame.loc[::10, "income"] = np.nan
    return frame


def risk(frame: pd.DataFrame) -> pd.Series:
    """A number that says how bad a loan is."""
    return frame["amount"] / 2000 + (frame["city"] == "Oslo") - 0.5 * frame["member"]


def columns(unknown: str = "ignore") -> ColumnTransformer:
    """The pre-processing of all five columns."""
    return ColumnTransformer(
        [
            ("numbers", StandardScaler(), ["amount", "age"]),
            ("gaps", make_pipeline(SimpleImputer(strategy="median"), StandardScaler()), ["income"]),
            ("flags", "passthrough", ["member"]),
            ("names", OneHotEncoder(handle_unknown=unknown), ["city"]),
        ]
    )


def fitted(estimator, labels, output, before=None) -> Recipe:
    """The pipeline of that estimator, fitted on labels(loans), with loans that it has not seen."""
    training, held_out = loans(1), loans(2)
    pipeline = make_pipeline(before or columns(), estimator).fit(training, labels(training))
    return Recipe(pipeline, held_out, labels(held_out), output, training)


def bad(frame: pd.DataFrame) -> pd.Series:
    """0 or 1."""
    return (risk(frame) > 1.2).astype(int)


def logistic() -> Recipe:
    """Probabilities of two classes; ONNX holds."""
    return fitted(LogisticRegression(), bad, "predict_proba")


def trees() -> Recipe:
    """Boosted trees; ONNX holds, since no scaler makes edges in other units than the column's."""
    unscaled = ColumnTransformer(
        [
            ("numbers", "passthrough", ["amount", "age", "member"]),
            ("gaps", SimpleImputer(strategy="median"), ["income"]),
            ("names", OneHotEncoder(handle_unknown="ignore"), ["city"]),
        ]
    )
    boosting = GradientBoostingClassifier(n_estimators=5, random_state=0)
    return fitted(boosting, bad, "predict_proba", unscaled)


def grades() -> Recipe:
    """Three classes with names, as names."""
    return fitted(LogisticRegression(), _grade, "predict")


def grade_odds() -> Recipe:
    """Three classes with names, as probabilities."""
    return fitted(LogisticRegression(), _grade, "predict_proba")


def flags() -> Recipe:
    """Boolean classes."""
    return fitted(LogisticRegression(), lambda frame: risk(frame) > 1.2, "predict")


def floats() -> Recipe:
    """Classes that are 0.0 and 1.0."""
    return fitted(LogisticRegression(), lambda frame: bad(frame).astype(float), "predict")


def price() -> Recipe:
    """A regression."""
    return fitted(LinearRegression(), risk, "predict")


def rate() -> Recipe:
    """A regression of very small numbers."""
    return fitted(LinearRegression(), lambda frame: risk(frame) * 1e-6, "predict")


def large() -> Recipe:
    """Sums that 32-bit floats cannot hold when an amount is very large."""
    return fitted(LinearRegression(), lambda frame: (risk(frame) + 5) * 1e9, "predict")


def explosive() -> Recipe:
    """An exponential, which no number holds when an amount is very large."""
    return fitted(PoissonRegressor(), lambda frame: risk(frame) + 5, "predict")


def strict() -> Recipe:
    """Fails on a city that training never saw."""
    return fitted(LogisticRegression(), bad, "predict_proba", columns(unknown="error"))


def unnamed() -> Recipe:
    """A city may be null, and a step has no form in ONNX."""

    def some(seed: int) -> pd.DataFrame:
        frame = loans(seed)
        frame.loc[::7, "city"] = None
        return frame

    training, held_out = some(1), some(2)
    steps = columns(), FunctionTransformer(np.arctan), LogisticRegression()
    pipeline = make_pipeline(*steps).fit(training, bad(training))
    return Recipe(pipeline, held_out, bad(held_out), "predict_proba", training)


def homeless() -> Recipe:
    """A city may be null, which the encoder learns as a category."""

    def some(seed: int) -> pd.DataFrame:
        frame = loans(seed)
        frame.loc[::7, "city"] = None
        return frame

    training, held_out = some(1), some(2)
    pipeline = make_pipeline(columns(), LogisticRegression()).fit(training, bad(training))
    return Recipe(pipeline, held_out, bad(held_out), "predict_proba", training)


def bent() -> Recipe:
    """A step that has no converter."""
    before = make_pipeline(columns(), FunctionTransformer(np.arctan))
    return fitted(LogisticRegression(), bad, "predict_proba", before)


class Halver(TransformerMixin, BaseEstimator):
    """A step of one's own."""

    def fit(self, frame, labels=None):
        """Nothing to learn."""
        self.fitted_ = True
        return self

    def transform(self, frame):
        """Half of all."""
        return frame / 2


class Nothing(RegressorMixin, BaseEstimator):
    """A model that never answers a number."""

    def fit(self, frame, labels=None):
        """Nothing to learn."""
        self.fitted_ = True
        return self

    def predict(self, frame):
        """NaN."""
        return np.full(frame.shape[0], np.nan)


class Twice(Nothing):
    """A model that answers each row twice."""

    def predict(self, frame):
        """Twice as many."""
        return np.zeros(2 * frame.shape[0])


def halved() -> Recipe:
    """A step of one's own, which no converter knows."""
    return fitted(LogisticRegression(), bad, "predict_proba", make_pipeline(columns(), Halver()))


def fine() -> Recipe:
    """Needs more digits than 32-bit floats have, and gets them."""

    def some(seed: int) -> pd.DataFrame:
        return loans(seed)[["amount"]] / 1e6 + 1e6

    training, held_out = some(1), some(2)
    pipeline = make_pipeline(StandardScaler(), LinearRegression()).fit(training, loans(1)["amount"])
    return Recipe(pipeline, held_out, loans(2)["amount"], "predict", training)


def tied() -> Recipe:
    """A forest whose votes tie."""
    return fitted(
        RandomForestClassifier(4, random_state=0), lambda frame: frame["age"] % 3, "predict_proba"
    )


def unlabelled() -> Recipe:
    """No truth, so no metrics."""
    made = logistic()
    return Recipe(made.pipeline, made.held_out, None, made.output)


def _grade(frame: pd.DataFrame) -> pd.Series:
    return pd.cut(risk(frame), [-99, 0.6, 1.4, 99], labels=["good", "så som så", "bad"]).astype(
        object
    )
