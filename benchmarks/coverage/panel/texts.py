"""Vectorizers of texts, alone and beside a number."""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from sklearn.compose import ColumnTransformer
from sklearn.decomposition import TruncatedSVD
from sklearn.ensemble import RandomForestClassifier
from sklearn.feature_extraction.text import (
    CountVectorizer,
    HashingVectorizer,
    TfidfTransformer,
    TfidfVectorizer,
)
from sklearn.linear_model import LogisticRegression, Ridge, SGDClassifier
from sklearn.naive_bayes import ComplementNB, MultinomialNB
from sklearn.pipeline import make_pipeline
from sklearn.svm import LinearSVC

from benchmarks.coverage import tables
from benchmarks.coverage.panel_pipeline import PanelPipeline, fitted
from delivery.recipe import Recipe

STEPS: dict[str, Callable[[], Any]] = {
    "CountVectorizer, MultinomialNB": lambda: make_pipeline(CountVectorizer(), MultinomialNB()),
    "CountVectorizer, ComplementNB": lambda: make_pipeline(
        CountVectorizer(binary=True), ComplementNB()
    ),
    "CountVectorizer, TfidfTransformer, SGDClassifier": lambda: make_pipeline(
        CountVectorizer(ngram_range=(1, 2)), TfidfTransformer(), SGDClassifier(random_state=0)
    ),
    "TfidfVectorizer, logistic regression": lambda: make_pipeline(
        TfidfVectorizer(), LogisticRegression()
    ),
    "TfidfVectorizer of cased words, LinearSVC": lambda: make_pipeline(
        TfidfVectorizer(lowercase=False), LinearSVC(random_state=0)
    ),
    "TfidfVectorizer without stop words, logistic regression": lambda: make_pipeline(
        TfidfVectorizer(stop_words="english", sublinear_tf=True), LogisticRegression()
    ),
    "TfidfVectorizer of letters, logistic regression": lambda: make_pipeline(
        TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 4)), LogisticRegression()
    ),
    "TfidfVectorizer, TruncatedSVD, logistic regression": lambda: make_pipeline(
        TfidfVectorizer(), TruncatedSVD(10, random_state=0), LogisticRegression()
    ),
    "TfidfVectorizer, random forest": lambda: make_pipeline(
        TfidfVectorizer(), RandomForestClassifier(50, random_state=0)
    ),
    "HashingVectorizer, logistic regression": lambda: make_pipeline(
        HashingVectorizer(n_features=256), LogisticRegression()
    ),
}


def pipelines() -> Iterator[PanelPipeline]:
    """Those of a text alone, and two of a text beside a number."""
    for name in STEPS:
        yield PanelPipeline(name, "texts", partial(_of_text, name))

    yield PanelPipeline("a text and a number, logistic regression", "texts", _beside_a_number)
    yield PanelPipeline("a text and a number, ridge", "texts", _value_of_text)


def _of_text(name: str) -> Recipe:
    """On a frame of one column of text."""
    table = tables.reviews()
    steps = STEPS[name]().steps
    vectorized = ColumnTransformer([("text", steps[0][1], "review")])
    others = [step for _, step in steps[1:]]
    alone = tables.Table(table.frame[["review"]], table.binary, table.several, table.value)
    return fitted(make_pipeline(vectorized, *others), alone, alone.binary)


def _beside_a_number() -> Recipe:
    table = tables.reviews()
    return fitted(_both(LogisticRegression()), table, table.several)


def _value_of_text() -> Recipe:
    table = tables.reviews()
    return fitted(_both(Ridge()), table, table.value)


def _both(model: Any) -> Any:
    text = ("text", TfidfVectorizer(), "review")
    return make_pipeline(ColumnTransformer([text], remainder="passthrough"), model)
