"""The direct form of a whole pipeline: what is replaced, what is called, what is refused."""

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator, TransformerMixin, clone
from sklearn.compose import ColumnTransformer, make_column_selector
from sklearn.decomposition import PCA, TruncatedSVD
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler

from service.runtimes.direct.errors import NoDirectForm
from service.runtimes.one_thread import run_on_one_thread
from tests.service.runtimes.direct.direct_harness import Both, labels, table

FRAME = table()
OTHER = table(seed=1)


class Doubled(TransformerMixin, BaseEstimator):
    """A step of somebody's own."""

    def fit(self, rows, labels=None):
        """Nothing to learn."""
        self.fitted_ = True
        return self

    def transform(self, rows):
        """Twice the numbers of a frame."""
        return rows[["height", "age"]].fillna(0).to_numpy() * 2


class OwnScaler(StandardScaler):
    """scikit-learn's, changed."""

    def transform(self, X, copy=None):  # noqa: N803
        """One more than scikit-learn says."""
        return super().transform(X, copy) + 1


def prepared(*more, **settings) -> ColumnTransformer:
    """Numbers filled in and scaled, texts filled in and encoded."""
    numbers = make_pipeline(SimpleImputer(strategy="median"), StandardScaler())
    texts = make_pipeline(
        SimpleImputer(strategy="most_frequent"), OneHotEncoder(handle_unknown="ignore")
    )
    parts = [("n", numbers, ["height", "age"]), ("t", texts, ["city", "plan"]), *more]
    return ColumnTransformer(parts, **settings)


def fitted(pipeline, frame=FRAME, classes=2):
    return pipeline.fit(frame, labels(frame, classes))


@pytest.mark.parametrize("output", ["predict", "predict_proba"])
@pytest.mark.parametrize("classes", [2, 3])
@pytest.mark.parametrize(
    "last",
    [
        LogisticRegression(max_iter=500),
        RandomForestClassifier(20, random_state=0, n_jobs=2),
        HistGradientBoostingClassifier(max_iter=20),
        KNeighborsClassifier(),
    ],
    ids=lambda last: type(last).__name__,
)
def test_a_table_with_gaps_gets_the_pipelines_own_answers(last, classes, output):
    pipeline = fitted(make_pipeline(prepared(sparse_threshold=0), clone(last)), classes=classes)
    # Threads add a forest's trees up in any order.
    run_on_one_thread(pipeline)
    Both(pipeline, FRAME, output).require_equal(OTHER)


def test_an_unseen_category_gets_the_pipelines_own_answer():
    pipeline = fitted(make_pipeline(prepared(sparse_threshold=0), LogisticRegression(max_iter=500)))
    rows = OTHER.assign(city="Paris", plan="z")
    Both(pipeline, FRAME, "predict_proba").require_equal(rows)


def test_where_the_pipeline_has_a_sparse_array_the_last_digits_may_differ():
    pipeline = fitted(make_pipeline(prepared(sparse_threshold=1), LogisticRegression(max_iter=500)))
    both = Both(pipeline, FRAME, "predict_proba")
    assert np.allclose(both.own(OTHER), both.direct(OTHER), rtol=0, atol=1e-12)


def test_a_step_that_is_called_as_it_is_gets_the_sparse_array_that_it_was_fitted_on():
    seen = []

    def look(block):
        seen.append(type(block))
        return block

    steps = prepared(sparse_threshold=1), FunctionTransformer(look, accept_sparse=True)
    both = Both(fitted(make_pipeline(*steps, LogisticRegression(max_iter=500))), FRAME)
    both.require_equal(OTHER)
    assert len(set(seen)) == 1
    assert "FunctionTransformer" in both.form.called


def test_a_sparse_encoder_before_a_step_that_is_called_is_called_too():
    texts = make_pipeline(
        SimpleImputer(strategy="most_frequent"), OneHotEncoder(), TruncatedSVD(2, random_state=0)
    )
    columns = ColumnTransformer([("t", texts, ["city", "plan"]), ("a", "passthrough", ["age"])])
    both = Both(fitted(make_pipeline(columns, LogisticRegression())), FRAME, "predict_proba")
    both.require_equal(OTHER)
    assert set(both.form.called) == {"OneHotEncoder", "TruncatedSVD"}


def test_steps_of_somebody_elses_are_called_as_they_are():
    both = Both(
        fitted(
            make_pipeline(
                prepared(("own", Doubled(), ["age", "height"])),
                PCA(3),
                RandomForestClassifier(5, random_state=0),
            )
        ),
        FRAME,
        "predict_proba",
    )
    both.require_equal(OTHER)
    assert set(both.form.called) == {"Doubled", "PCA"}


def test_a_class_that_extends_scikit_learns_is_called_as_it_is():
    numbers = make_pipeline(SimpleImputer(), OwnScaler())
    columns = ColumnTransformer([("n", numbers, ["height", "age"])])
    both = Both(fitted(make_pipeline(columns, LogisticRegression())), FRAME, "predict_proba")
    both.require_equal(OTHER)
    assert "OwnScaler" in both.form.called


@pytest.mark.parametrize(
    ("selected", "remainder"),
    [
        (["height", "age"], "passthrough"),
        ([0, 2], "drop"),
        (slice(0, 3), "drop"),
        ([True, False, True], "passthrough"),
        (make_column_selector(dtype_include="number"), "drop"),
        (["age"], SimpleImputer()),
    ],
)
def test_columns_are_selected_as_the_pipeline_selects_them(selected, remainder):
    frame, other = FRAME[["height", "weight", "age"]], OTHER[["height", "weight", "age"]]
    columns = ColumnTransformer([("n", StandardScaler(), selected)], remainder=remainder)
    forest = RandomForestClassifier(5, random_state=0)
    pipeline = make_pipeline(columns, forest).fit(frame, labels(FRAME))
    Both(pipeline, frame, "predict_proba").require_equal(other)


def test_a_column_that_no_row_has_may_only_be_dropped():
    columns = ColumnTransformer([("n", StandardScaler(), ["age"]), ("d", "drop", ["city"])])
    pipeline = fitted(make_pipeline(columns, RandomForestClassifier(5, random_state=0)))
    Both(pipeline, FRAME[["age"]], "predict_proba").require_equal(OTHER[["age"]])

    columns = ColumnTransformer([("n", StandardScaler(), ["age", "weight"])])
    pipeline = fitted(make_pipeline(columns, RandomForestClassifier(5, random_state=0)))
    with pytest.raises(NoDirectForm, match="no row has 'weight'"):
        Both(pipeline, FRAME[["age"]])


def test_one_column_of_texts_reaches_a_vectorizer_as_a_series():
    frame = FRAME.assign(city=FRAME["city"].fillna("none"))
    columns = ColumnTransformer(
        [("t", TfidfVectorizer(), "city"), ("n", StandardScaler(), ["age"])], sparse_threshold=0
    )
    both = Both(fitted(make_pipeline(columns, LogisticRegression()), frame), frame, "predict_proba")
    both.require_equal(OTHER.assign(city="Oslo Bergen"))
    assert both.form.called == ("TfidfVectorizer",)


def test_a_single_estimator_on_a_frame_has_one():
    frame = FRAME[["age", "weight"]]
    forest = RandomForestClassifier(5, random_state=0).fit(frame, labels(FRAME))
    Both(forest, frame, "predict_proba").require_equal(OTHER[["age", "weight"]])


def test_a_pipeline_that_was_fitted_on_an_array_goes_by_position():
    frame = FRAME[["age", "weight"]]
    pipeline = make_pipeline(StandardScaler(), RandomForestClassifier(5, random_state=0))
    pipeline.fit(frame.to_numpy(), labels(FRAME))
    both = Both(pipeline, frame, "predict_proba")
    rows = OTHER[["age", "weight"]]
    assert np.array_equal(both.direct(rows), pipeline.predict_proba(rows.to_numpy()))


@pytest.mark.parametrize(
    ("pipeline", "reason"),
    [
        (KNeighborsClassifier(), "none of its steps"),
        (make_pipeline(PCA(1), KNeighborsClassifier()), "none of its steps"),
        (
            make_pipeline(StandardScaler().set_output(transform="pandas"), LogisticRegression()),
            "pandas frames",
        ),
        (Pipeline([("none", "passthrough")]), "without steps"),
    ],
)
def test_a_pipeline_without_one_says_why(pipeline, reason):
    frame = FRAME[["age", "weight"]]
    pipeline.fit(frame, labels(FRAME))
    with pytest.raises(NoDirectForm, match=reason):
        Both(pipeline, frame)


def test_what_is_read_is_not_changed():
    both = Both(fitted(make_pipeline(prepared(), LogisticRegression())), FRAME)
    columns = both.read(OTHER)
    before = {name: array.copy() for name, array in columns.items()}
    both.form.answer(columns)
    for name, array in columns.items():
        pd.testing.assert_series_equal(pd.Series(array), pd.Series(before[name]))
