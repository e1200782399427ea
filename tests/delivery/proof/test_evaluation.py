"""Held-out metrics and latency."""

from dataclasses import replace

import numpy as np
import pytest
from sklearn import metrics
from sklearn.cluster import KMeans
from sklearn.ensemble import IsolationForest
from sklearn.linear_model import LinearRegression
from sklearn.mixture import GaussianMixture
from sklearn.neighbors import LocalOutlierFactor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import OneClassSVM
from sklearn.tree import DecisionTreeClassifier

from delivery.errors import DeliveryError
from delivery.proof.evaluation import (
    LONGEST_S,
    held_out_metrics,
    latency_ms,
    target_classes,
    task_of,
)
from delivery.recipe import Recipe
from tests.delivery import loan_pipelines


def test_the_task_and_its_classes_are_read_off_the_pipeline():
    assert task_of(loan_pipelines.logistic()) == ("classification", [0, 1])
    assert task_of(loan_pipelines.grades()) == ("classification", ["bad", "good", "så som så"])
    assert task_of(loan_pipelines.price()) == ("regression", None)
    for made, kind in ((loan_pipelines.flags(), bool), (loan_pipelines.floats(), float)):
        assert [type(item) for item in task_of(made)[1]] == [kind, kind]


@pytest.mark.parametrize(
    ("pipeline", "classes"),
    [
        (IsolationForest(n_estimators=5), [-1, 1]),
        (make_pipeline(StandardScaler(), OneClassSVM()), [-1, 1]),
        (LocalOutlierFactor(novelty=True), [-1, 1]),
        (make_pipeline(StandardScaler(), KMeans(3, n_init=1)), [0, 1, 2]),
        (GaussianMixture(2), [0, 1]),
    ],
)
@pytest.mark.filterwarnings("ignore:X does not have valid feature names")
def test_what_was_fitted_without_labels_answers_classes(pipeline, classes):
    frame = loan_pipelines.loans(1)[["age", "amount"]]
    made = Recipe(pipeline.fit(frame), frame, None)
    assert task_of(made) == ("classification", classes)
    assert set(pipeline.predict(frame).tolist()) <= set(classes)


class WithoutClasses(LinearRegression):
    """A regression with an empty list of classes, as CatBoost's have."""

    classes_ = ()


def test_an_empty_list_of_classes_is_none():
    frame = loan_pipelines.loans(1)[["age", "amount"]]
    made = Recipe(WithoutClasses().fit(frame, frame["age"]), frame, frame["age"])
    assert task_of(made) == ("regression", None)
    assert target_classes(made) == []
    assert held_out_metrics(made.pipeline.predict(frame).tolist(), made)["r2"] > 0.99


def test_the_task_of_several_targets_is_that_of_the_first():
    made = loan_pipelines.fitted(
        DecisionTreeClassifier(max_depth=2), lambda frame: frame[["age", "member"]] > 0.5, "predict"
    )
    assert task_of(made) == ("classification", [True])
    assert target_classes(made) == [[True], [False, True]]


@pytest.mark.parametrize(
    ("output", "task"), [("transform", "transformation"), ("score_samples", "scoring")]
)
def test_numbers_without_a_truth_have_a_task_of_their_own(output, task):
    made = replace(loan_pipelines.logistic(), output=[output, "predict"])
    assert task_of(made) == (task, [0, 1])


def test_metrics_are_of_probabilities_wherever_they_stand():
    made = loan_pipelines.logistic()
    probabilities = made.pipeline.predict_proba(made.held_out).tolist()
    classes = made.pipeline.predict(made.held_out).tolist()
    several = [
        {"predict": one, "predict_proba": other}
        for one, other in zip(classes, probabilities, strict=True)
    ]
    both = replace(made, output=["predict", "predict_proba"])
    assert held_out_metrics(several, both) == held_out_metrics(probabilities, made)


def test_metrics_of_several_targets_are_means():
    made = replace(loan_pipelines.price(), labels=np.array([[1.0, 0.0], [2.0, 0.0]]))
    metrics = held_out_metrics([[1.0, 1.0], [2.0, 3.0]], made)
    assert metrics["mean_absolute_error"] == 1.0


def test_decisions_for_pairs_of_classes_have_no_metrics():
    made = replace(loan_pipelines.grades(), output="decision_function")
    assert held_out_metrics([[1.0, 2.0, 3.0, 4.0]] * len(made.held_out), made) == {}


def test_probabilities_of_two_classes_have_auc_log_loss_brier_and_accuracy():
    made = loan_pipelines.logistic()
    scores = made.pipeline.predict_proba(made.held_out)
    assert held_out_metrics(scores.tolist(), made) == {
        "accuracy": pytest.approx(
            metrics.accuracy_score(made.labels, scores.argmax(axis=1)), abs=1e-6
        ),
        "log_loss": pytest.approx(metrics.log_loss(made.labels, scores), abs=1e-6),
        "auc": pytest.approx(metrics.roc_auc_score(made.labels, scores[:, 1]), abs=1e-6),
        "brier": pytest.approx(metrics.brier_score_loss(made.labels, scores[:, 1]), abs=1e-6),
    }


def test_probabilities_of_32_bits_may_be_above_one_by_their_last_digit():
    made = loan_pipelines.logistic()
    scores = made.pipeline.predict_proba(made.held_out).tolist()
    expected = held_out_metrics(scores, made)
    certain = [float(np.float32(1) + np.float32(1.2e-7)), -1e-9]
    result = held_out_metrics([certain, *scores[1:]], made)
    assert result == held_out_metrics([[1.0, 0.0], *scores[1:]], made)
    assert set(result) == set(expected)


def test_probabilities_of_a_single_class_have_their_accuracy():
    made = loan_pipelines.fitted(
        DecisionTreeClassifier(), lambda frame: 0 * frame["age"], "predict_proba"
    )
    assert held_out_metrics([[1.0]] * len(made.held_out), made) == {"accuracy": 1.0}


def test_probabilities_of_more_classes_have_accuracy_and_log_loss():
    made = loan_pipelines.grade_odds()
    result = held_out_metrics(made.pipeline.predict_proba(made.held_out).tolist(), made)
    assert set(result) == {"accuracy", "log_loss"}
    assert result["accuracy"] > 0.8


def test_classes_have_accuracy():
    for made in (loan_pipelines.grades(), loan_pipelines.flags(), loan_pipelines.floats()):
        result = held_out_metrics(made.pipeline.predict(made.held_out).tolist(), made)
        assert set(result) == {"accuracy"}
        assert result["accuracy"] > 0.8


def test_a_regression_has_its_errors():
    made = loan_pipelines.price()
    shifted = (np.asarray(made.labels) + 0.5).tolist()
    assert held_out_metrics(shifted, made) == {
        "mean_absolute_error": 0.5,
        "root_mean_squared_error": 0.5,
        "r2": pytest.approx(1 - 0.25 / np.var(made.labels), abs=1e-6),
    }


def test_a_metric_that_cannot_be_told_is_left_out():
    made = loan_pipelines.logistic()
    one = Recipe(made.pipeline, made.held_out.head(1), made.labels.head(1), "predict_proba")
    assert set(held_out_metrics(made.pipeline.predict_proba(one.held_out).tolist(), one)) == {
        "accuracy",
        "log_loss",
    }
    price = loan_pipelines.price()
    one = Recipe(price.pipeline, price.held_out.head(1), price.labels.head(1))
    assert set(held_out_metrics([1.0], one)) == {"mean_absolute_error", "root_mean_squared_error"}


def test_without_labels_there_are_no_metrics():
    assert held_out_metrics([[0.5, 0.5]], loan_pipelines.unlabelled()) == {}


def test_rows_that_were_not_predicted_do_not_count():
    made = loan_pipelines.price()
    answers = np.asarray(made.labels).tolist()
    answers[0], answers[7] = None, None
    assert held_out_metrics(answers, made)["mean_absolute_error"] == 0


@pytest.mark.parametrize(
    "labels",
    [
        lambda truth: truth.tolist(),
        lambda truth: truth.to_numpy(),
        lambda truth: truth.set_axis(range(1000, 1000 + len(truth))),
        lambda truth: truth.astype(bool),
    ],
)
def test_labels_are_taken_by_place_and_in_any_form(labels):
    made = loan_pipelines.logistic()
    scores = made.pipeline.predict_proba(made.held_out).tolist()
    other = Recipe(made.pipeline, made.held_out, labels(made.labels), "predict_proba")
    assert held_out_metrics(scores, other) == held_out_metrics(scores, made)


@pytest.mark.parametrize("output", ["predict", "predict_proba"])
@pytest.mark.parametrize("wrong", ["yes", None, float("nan")])
def test_labels_that_are_no_classes_of_the_pipeline_are_refused(output, wrong):
    made = loan_pipelines.logistic()
    labels = made.labels.astype(object)
    labels.iloc[3] = wrong
    answers = getattr(made.pipeline, output)(made.held_out).tolist()
    with pytest.raises(DeliveryError, match="the held-out labels do not fit the predictions"):
        held_out_metrics(answers, Recipe(made.pipeline, made.held_out, labels, output))


def test_a_label_that_training_never_saw_is_refused_where_its_probability_is_needed():
    made = loan_pipelines.logistic()
    scores = made.pipeline.predict_proba(made.held_out).tolist()
    labels = made.labels.replace({1: 7})
    with pytest.raises(DeliveryError, match="the held-out labels do not fit the predictions"):
        held_out_metrics(scores, Recipe(made.pipeline, made.held_out, labels, "predict_proba"))


@pytest.mark.parametrize("wrong", ["dear", None, float("nan"), float("inf")])
def test_labels_that_are_no_numbers_are_refused_for_a_regression(wrong):
    made = loan_pipelines.price()
    labels = made.labels.astype(object)
    labels.iloc[3] = wrong
    with pytest.raises(DeliveryError, match="the held-out labels do not fit the predictions"):
        held_out_metrics(made.labels.tolist(), Recipe(made.pipeline, made.held_out, labels))


def test_latency_is_of_1_and_of_64_rows():
    class Toy:
        name, asked = "toy", []

        def predict(self, columns):
            self.asked.append(len(columns["x"]))

    assert set(latency_ms(Toy(), {"x": np.arange(5)})) == {"rows_1_ms", "rows_64_ms"}
    assert set(Toy.asked) == {1, 64}


def test_a_slow_model_is_asked_as_often_as_the_time_allows(monkeypatch):
    now = [0.0]
    monkeypatch.setattr("delivery.proof.evaluation.time.perf_counter", lambda: now[0])
    asked = []

    class Slow:
        name = "slow"

        def predict(self, columns):
            asked.append(len(columns["x"]))
            now[0] += LONGEST_S * (0.4 if asked[-1] == 1 else 50)

    assert latency_ms(Slow(), {"x": np.arange(5)}) == {
        "rows_1_ms": 400 * LONGEST_S,
        "rows_64_ms": 50_000 * LONGEST_S,
    }
    assert asked == [1, 1, 1, 64, 64]
