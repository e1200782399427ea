"""Vectorizers of texts split, lower-case and weigh as scikit-learn does, in every script."""

import pandas as pd
import pytest
from sklearn.compose import ColumnTransformer
from sklearn.feature_extraction.text import CountVectorizer, TfidfTransformer, TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from delivery.onnx.converters.texts import word_counts
from delivery.onnx.graph import NotConvertible
from delivery.proof.probe_rows import TEXTS
from tests.delivery.onnx.converter_harness import ConvertedStep

HARD = (
    "", " ", "a", "#", "##", "b # c", "İSTANBUL istanbul i̇stanbul", "ΣΊΣΥΦΟΣ Σίσυφος ΣΑΣ",
    "STRASSE Straße",
    "ǅ ǆ Ǆ", "ﬀ ﬁ", "K K", "x² ½ ⅷ ٣٤", "under_score __", "a-b a_b", "e\u0301te\u0301",
)  # fmt: skip


def reviews():
    return pd.DataFrame({"stars": range(len(TEXTS + HARD)), "review": [*TEXTS, *HARD]})


def of_texts(vectorizer, *steps):
    chosen = ColumnTransformer([("text", vectorizer, "review")])
    return make_pipeline(chosen, *steps)


def converted(pipeline, output="transform"):
    frame = reviews()
    return ConvertedStep(pipeline.fit(frame, frame["stars"] % 3), frame, output)


@pytest.mark.parametrize("vectorizer", [
    CountVectorizer(),
    CountVectorizer(lowercase=False),
    CountVectorizer(binary=True, ngram_range=(1, 3)),
    CountVectorizer(ngram_range=(2, 2)),
    CountVectorizer(token_pattern=r"(?u)\b\w+\b"),
    CountVectorizer(vocabulary=["quick", "brown", "two words", "it's", "fox"]),
    TfidfVectorizer(),
    TfidfVectorizer(stop_words="english", sublinear_tf=True, norm="l1"),
    TfidfVectorizer(use_idf=False, norm=None, max_features=20),
], ids=str)  # fmt: skip
def test_words_of_every_script(vectorizer):
    made = converted(of_texts(vectorizer))
    made.require_equal(reviews())
    twice = pd.DataFrame({"stars": 1, "review": [f"{text} The QUICK fox {text}" for text in TEXTS]})
    made.require_equal(twice)
    made.require_equal(twice[:1])


def test_weights_of_counts_are_a_step_of_their_own():
    converted(of_texts(CountVectorizer(), TfidfTransformer())).require_equal(reviews())


def test_a_text_beside_a_number():
    parts = [
        ("text", TfidfVectorizer(), "review"),
        ("cased", CountVectorizer(lowercase=False), "review"),
    ]
    transformer = ColumnTransformer(parts, remainder="passthrough")
    made = converted(make_pipeline(transformer, LogisticRegression()), "predict_proba")
    made.require_equal(reviews())


def test_texts_that_nothing_lower_cases_are_one_input():
    made = converted(of_texts(CountVectorizer(lowercase=False)))
    assert [name for name, _, _ in made.feeds] == ["stars", "review"]


@pytest.mark.parametrize("vectorizer", [
    CountVectorizer(analyzer="char"),
    CountVectorizer(strip_accents="unicode"),
    CountVectorizer(tokenizer=str.split, token_pattern=None),
    CountVectorizer(token_pattern="[a-z]+"),
    CountVectorizer(ngram_range=(1, 2), stop_words="english"),
], ids=str)  # fmt: skip
def test_other_ways_to_split_have_no_form(vectorizer):
    with pytest.raises(NotConvertible, match="CountVectorizer"):
        converted(of_texts(vectorizer))


def test_a_vocabulary_too_large_for_a_dense_table_has_no_form(monkeypatch):
    monkeypatch.setattr(word_counts, "MOST_WORDS", 10)
    with pytest.raises(NotConvertible, match="the most that have a form"):
        converted(of_texts(CountVectorizer()))
