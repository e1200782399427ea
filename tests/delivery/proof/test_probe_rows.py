"""Rows that users may send and the held-out ones lack."""

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import (
    BaggingClassifier,
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
)
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import KBinsDiscretizer, OneHotEncoder
from sklearn.tree import DecisionTreeClassifier

from delivery.inputs.signature import columns_of
from delivery.proof.learned_values import thresholds_of, vocabulary_of
from delivery.proof.probe_rows import MOST_ROWS, probes
from tests.delivery import loan_pipelines


def made(held_out, training=None, pipeline=None):
    """The probe rows as (row, what) pairs."""
    columns = columns_of(held_out, training)
    result = probes(pipeline, held_out, training, columns)
    names = [column.name for column in columns]
    rows = zip(*(result.columns[name].tolist() for name in names), strict=True)
    return [
        (dict(zip(names, row, strict=True)), what)
        for row, what in zip(rows, result.what, strict=True)
    ]


def asked(pairs, what):
    """The rows of that kind."""
    return [row for row, message in pairs if message.startswith(what)]


def test_every_kind_is_asked():
    numbers = ["amount", "age"]
    pipeline = DecisionTreeClassifier(max_depth=3).fit(
        loan_pipelines.loans(1)[numbers], loan_pipelines.bad(loan_pipelines.loans(1))
    )
    pairs = made(loan_pipelines.loans(2), loan_pipelines.loans(1), pipeline)
    kinds = {what.partition(" in column")[0] for _, what in pairs}
    assert kinds == {
        *(
            "a training row",
            "a rare value",
            "null",
            "either value",
            "a value of training",
            "an unseen value",
        ),
        *("the smallest or largest value", "a value beyond those of training"),
        *("a value far beyond those of training", "a value between those of training"),
        "values between those of training in several columns",
        *(
            "a value on a threshold or just beside it",
            "a text of another kind",
            "odd values in several columns",
        ),
    }


def test_rows_of_training_with_nulls_and_with_rare_letters_are_among_them():
    training = pd.DataFrame({"x": np.arange(3000.0), "t": ["plain"] * 3000})
    training.loc[1234, "x"] = np.nan
    training.loc[2345, "t"] = "größe"
    rows = asked(made(training[:5], training), "a training row")
    assert sum(np.isnan(row["x"]) for row in rows) == 1
    assert sum(row["t"] == "größe" for row in rows) == 1


def test_a_category_of_one_row_in_thousands_is_asked():
    training = pd.DataFrame({"x": np.arange(9000) % 50, "city": ["Oslo"] * 9000})
    training.loc[4321, "city"] = "Reykjavik"
    training.loc[7777, "x"] = 99
    pairs = made(training[:5], training)
    assert {row["city"] for row in asked(pairs, "a rare value in column 'city'")} == {
        *("Oslo", "Reykjavik")
    }
    assert 99 in {row["x"] for row in asked(pairs, "a rare value in column 'x'")}


def test_values_that_hardly_repeat_are_not_rare():
    training = pd.DataFrame({"x": np.arange(3000.0), "id": [f"n{n}" for n in range(3000)]})
    assert asked(made(training[:5], training), "a rare value") == []


def test_null_is_asked_where_a_column_takes_it_and_nowhere_else():
    pairs = made(loan_pipelines.loans(2), loan_pipelines.loans(1))
    assert {what for _, what in pairs if "null" in what} == {"null in column 'income'"}
    assert all(np.isnan(row["income"]) for row in asked(pairs, "null in column 'income'"))


def test_an_unseen_value_is_none_of_training():
    unseen = {
        row["city"]
        for row in asked(made(loan_pipelines.loans(2), loan_pipelines.loans(1)), "an unseen value")
    }
    assert not unseen & set(loan_pipelines.CITIES)
    assert "" in unseen


def test_texts_are_of_several_scripts_empty_and_long():
    chance = np.random.default_rng(0)
    frame = pd.DataFrame(
        {"t": [" ".join(chance.choice(["good", "bad", "sad"], 9)) + str(i) for i in range(300)]}
    )
    texts = [row["t"] for row in asked(made(frame), "a text")]
    for signs in ("東", "П", "é", "🎉", "ع", "\n"):
        assert any(signs in text for text in texts)

    assert max(map(len, texts)) >= 10_000


def test_the_words_that_training_alone_had_are_asked():
    texts = pd.DataFrame({"t": [f"word{i} schön" for i in range(200)]})
    pipeline = make_pipeline(
        ColumnTransformer([("t", TfidfVectorizer(), "t")]), LogisticRegression()
    )
    pipeline.fit(texts, np.arange(200) % 2)
    held_out = pd.DataFrame({"t": [f"another{i}" for i in range(200)]})
    assert "schön" in {row["t"] for row in asked(made(held_out, None, pipeline), "a text")}


def test_a_threshold_of_a_tree_and_the_next_numbers_of_64_and_of_32_bits_are_asked():
    frame = pd.DataFrame({"x": np.arange(50) / 10})
    tree = DecisionTreeClassifier(max_depth=1).fit(frame, frame["x"] > 2.2)
    (edge,) = thresholds_of(tree)
    values = {row["x"] for row in asked(made(frame, None, tree), "a value on a threshold")}
    assert {edge, np.nextafter(edge, 9), np.nextafter(edge, 0)} <= values
    assert min(values) < edge < max(values)
    assert max(values) - min(values) < 1e-5


def test_rows_that_the_signature_does_not_take_are_left_out():
    rows = made(pd.DataFrame({"x": pd.Series([-128, 127] * 10, dtype="int8")}))
    assert {row["x"] for row, _ in rows} == {-128, 127, 0, -1, 1}


def test_numbers_between_those_of_training_are_asked_and_fractions_beside_them():
    frame = pd.DataFrame({"x": [1.0, 2.0, 5.0, 5.0, None]})
    values = {row["x"] for row in asked(made(frame), "a value between")}
    assert {1.5, 3.5} < values
    assert {1.1, 0.9, 2.5, 5.1} & values


def test_of_integers_those_between_are_asked():
    rows = asked(made(pd.DataFrame({"x": [1, 5, 9]})), "a value between")
    assert {3, 7} <= {row["x"] for row in rows}


def test_several_numbers_are_between_at_once_beside_nulls_that_stay():
    frame = pd.DataFrame({"x": [0.0, 1.0, 2.0] * 9, "y": [0.0, 4.0, None] * 9, "t": ["a"] * 27})
    rows = asked(made(frame, frame), "values between")
    pairs = {(row["x"], row["y"]) for row in rows if not np.isnan(row["y"])}
    assert {(0.5, 2.0), (1.5, 2.0)} == pairs
    assert any(np.isnan(row["y"]) for row in rows)


def test_numbers_of_every_size_are_asked_and_marked_as_far():
    frame = pd.DataFrame({"x": [0.5, -0.5, 0.25]})
    result = probes(None, frame, None, columns_of(frame, None))
    sizes = result.columns["x"][np.array(result.far)]
    assert {1e3, -1e3, 1e9, -1e9, -999999999.0, 1e20, 1e38, -1e38} <= set(sizes.tolist())
    assert np.abs(result.columns["x"][~np.array(result.far)]).max() < 100


def test_what_is_within_ten_spans_of_training_is_not_far():
    frame = pd.DataFrame({"x": [0.0, 1e8]})
    result = probes(None, frame, None, columns_of(frame, None))
    assert np.abs(result.columns["x"][np.array(result.far)]).min() > 1e9


def test_there_are_not_too_many_of_a_wide_frame():
    chance = np.random.default_rng(0)
    frame = pd.DataFrame(chance.normal(size=(300, 200))).rename(columns=str)
    model = GradientBoostingClassifier(n_estimators=3).fit(frame, frame["0"] > 0)
    pairs = made(frame[:50], frame, model)
    assert len(pairs) <= MOST_ROWS
    assert asked(pairs, "a value beyond those of training in column '199'")


@pytest.mark.parametrize(
    "model",
    [
        DecisionTreeClassifier(max_depth=2),
        GradientBoostingClassifier(n_estimators=2),
        HistGradientBoostingClassifier(max_iter=2),
        BaggingClassifier(n_estimators=2),
        make_pipeline(
            KBinsDiscretizer(3, quantile_method="averaged_inverted_cdf"), LogisticRegression()
        ),
        make_pipeline(
            ColumnTransformer([("x", "passthrough", ["x"])]), DecisionTreeClassifier(max_depth=2)
        ),
    ],
)
def test_thresholds_are_found_wherever_they_are(model):
    frame = pd.DataFrame({"x": np.arange(200.0)})
    result = thresholds_of(model.fit(frame, frame["x"] > 77))
    assert len(result)
    assert np.isfinite(result).all()
    assert (np.diff(result) > 0).all()


def test_a_pipeline_without_any_has_none():
    model = make_pipeline(OneHotEncoder(), LogisticRegression())
    assert len(thresholds_of(model)) == len(vocabulary_of(model)) == 0
