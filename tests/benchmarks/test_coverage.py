"""The coverage benchmark: its panel leaves no estimator out, its rows are hard, and a wrong answer
is counted.
"""

import itertools
import math
import os
import time

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeRegressor

from benchmarks.coverage import estimators, page, tables
from benchmarks.coverage.answers.adversarial_rows import RowMaker
from benchmarks.coverage.answers.differences import Rule, is_right
from benchmarks.coverage.answers.own_answers import OwnAnswers
from benchmarks.coverage.answers.served_answers import NOT_TAKEN, ServedAnswers
from benchmarks.coverage.answers.step_rows import step_rows
from benchmarks.coverage.kept_results import KeptResults
from benchmarks.coverage.limited_processes import LimitedProcesses
from benchmarks.coverage.measurement import Measurement, measured
from benchmarks.coverage.panel.registry import panel
from benchmarks.coverage.panel.transformers import NOT_FOR_ROWS
from benchmarks.coverage.panel_pipeline import fitted
from benchmarks.coverage.summary import summary
from delivery.inputs.signature import rows_of

OF_OTHER_PACKAGES = {"lightgbm", "xgboost", "catboost", "imbalanced-learn"}


# The panel


@pytest.mark.parametrize("kind", ["classifier", "regressor", "transformer"])
def test_every_estimator_of_scikit_learn_is_in_the_panel_or_left_out_for_a_reason(kind):
    text = "\n".join(panel())
    missing = [name for name in estimators.names(kind) if name not in text]
    assert [name for name in missing if name not in NOT_FOR_ROWS] == []


def test_the_panel_is_large_and_every_pipeline_has_a_name_of_its_own():
    assert len(panel()) >= 200
    families = {pipeline.family for pipeline in panel().values()}
    assert {"missing values", "many categories", "texts", "several classes"} <= families


def test_the_page_names_every_pipeline_of_the_panel():
    text = page.PAGE.read_text()
    missing = []
    for name, pipeline in panel().items():
        if pipeline.family not in OF_OTHER_PACKAGES and f" {name}\n" not in text:
            missing.append(name)

    assert [name for name in missing if f"| {name} |" not in text] == []


# Adversarial rows


def made_rows(table, count=400):
    return list(itertools.islice(RowMaker(tables.fitted_rows(table.frame)).rows(), count))


def test_rows_hold_what_is_hard():
    rows = [made.row for made in made_rows(tables.gaps())]
    ages = set(tables.fitted_rows(tables.gaps().frame)["age"].dropna())
    assert any(row["age"] is not None and row["age"] % 1 == 0.5 for row in rows)
    assert any(row["visits"] > 2**24 for row in rows)
    assert any(row["city"] is not None and row["city"] not in tables.CITIES for row in rows)
    assert any(row["city"] is None and row["plan"] is None for row in rows)
    assert any(row["city"] == "Nuuk" for row in rows)
    beside = [row["age"] for row in rows if row["age"] is not None and row["age"] not in ages]
    assert any(0 < abs(age - round(age)) < 1e-4 for age in beside)


def test_integers_stay_integers_and_the_same_rows_come_again():
    rows = made_rows(tables.integers())
    assert all(type(value) is int for made in rows for value in made.row.values())
    assert rows == made_rows(tables.integers())


def test_both_sides_of_a_tree_s_thresholds_are_found_behind_a_scaler():
    table = tables.sensors()
    pipeline = make_pipeline(StandardScaler(), DecisionTreeRegressor(max_depth=3, random_state=0))
    own = OwnAnswers(fitted(pipeline, table, table.value))
    rows = [made.row for made in step_rows(own, RowMaker(tables.fitted_rows(table.frame)))]
    assert len(rows) >= 20
    for low, high in zip(rows[::2], rows[1::2], strict=True):
        (name,) = [name for name in low if low[name] != high[name]]
        assert math.nextafter(low[name], high[name]) == high[name]
        assert own.answers([low]) != own.answers([high])


def test_a_smooth_answer_has_no_steps_and_those_of_distances_are_left_out():
    table = tables.sensors()
    for model in (LogisticRegression(), KNeighborsRegressor()):
        target = table.binary if isinstance(model, LogisticRegression) else table.value
        recipe = fitted(make_pipeline(StandardScaler(), model), table, target)
        maker = RowMaker(tables.fitted_rows(table.frame))
        assert list(step_rows(OwnAnswers(recipe), maker)) == []


# Answers


def test_own_answers_are_those_on_the_user_s_frame():
    table = tables.gaps()
    recipe = panel()["missing values/categories of boosted trees"].build()
    rows = rows_of(recipe.held_out)
    expected = recipe.pipeline.predict_proba(recipe.held_out)
    assert np.array_equal(OwnAnswers(recipe).answers(rows), expected)
    assert list(rows[0]) == [*table.frame]


class Fussy(LogisticRegression):
    """Fails on a row of a temperature above 25."""

    def predict_proba(self, frame):
        """Of no hot row."""
        if (frame["temperature"] > 25).any():
            raise ValueError("too hot")

        return super().predict_proba(frame)


def test_a_row_that_the_pipeline_fails_on_has_no_own_answer_and_the_others_have():
    table = tables.sensors()
    recipe = fitted(Fussy(max_iter=500), table, table.binary)
    hot = recipe.held_out["temperature"] > 25
    answers = OwnAnswers(recipe).answers(rows_of(recipe.held_out))
    assert [answer is None for answer in answers] == hot.tolist()
    assert 0 < hot.sum() < len(hot)


@pytest.mark.filterwarnings("ignore")
def test_a_pipeline_is_delivered_and_its_wrong_answers_are_counted(tmp_path, monkeypatch):
    name = "transformers/StandardScaler"
    result = measured(name, rows=300)
    assert (result.runtime, result.rows, result.wrong) == ("onnx", 300, 0), result.shown

    answers = ServedAnswers.answers

    def shifted(self, rows):
        return [_shifted(answer) for answer in answers(self, rows)]

    monkeypatch.setattr(ServedAnswers, "answers", shifted)
    result = measured(name, rows=300)
    assert result.wrong == 300
    assert "its pipeline says" in result.shown[0]


def _shifted(answer):
    return answer if answer is NOT_TAKEN else [answer[0] - 1e-3, answer[1] + 1e-3]


def test_what_is_wrong():
    rule = Rule(1e-5, 1.0, is_probability=True)
    assert is_right([0.4, 0.6], [0.400001, 0.599999], rule)
    assert not is_right([0.4, 0.6], [0.41, 0.59], rule)
    assert not is_right([0.5, 0.5], [0.4999999, 0.5000001], rule), "another class"
    assert not is_right(None, [0.4, 0.6], rule)
    assert not is_right([0.4, 0.6], None, rule)
    assert is_right(None, None, rule)


# Processes


def slow(name):
    if name == "slow":
        time.sleep(60)
    if name == "dies":
        os._exit(3)
    if name == "raises":
        raise ValueError("no")

    return name, "done"


def test_a_process_over_its_limit_is_ended_and_the_others_have_their_results():
    processes = LimitedProcesses(slow, lambda name, why: (name, why), 2, limit_s=3.0)
    began = time.monotonic()
    results = dict(processes.results(["a", "slow", "dies", "raises", "b"]))
    assert time.monotonic() - began < 30
    assert results == {
        "a": "done",
        "b": "done",
        "slow": "timed out after 3 s",
        "dies": "its process died without a word",
        "raises": "ValueError: no",
    }


def test_a_run_goes_on_with_the_results_that_it_kept(tmp_path):
    kept = KeptResults(tmp_path / "kept.jsonl")
    result = Measurement("x/b", "x", "sklearn", "no form", 1.0, 10, 2, 1, ("a row",))
    kept.add(result)
    assert list(KeptResults(tmp_path / "kept.jsonl")) == [result]
    kept.forget()
    assert list(kept) == []


# Figures


def test_the_figures_and_their_page():
    results = [
        Measurement("x/a", "x", "onnx", "equal", 1.0, 10, 0),
        Measurement("x/b", "x", "sklearn", "no | form", 1.0, 10, 2, 1, ("a row",)),
        Measurement("y/c", "y", "undeliverable", "refused"),
    ]
    figures = summary(results)
    assert (figures["certified"], figures["tried"], figures["fraction"]) == (1, 3, 0.3333)
    assert (figures["undeliverable"], figures["wrong"]) == (1, 2)
    assert figures["refused"] == 1
    text = page.text_of(figures)
    assert "| x/b | sklearn | no \\| form |" in text
    assert "* x/a\n" in text
    assert "| x | 1 | 2 | 2 |" in text
