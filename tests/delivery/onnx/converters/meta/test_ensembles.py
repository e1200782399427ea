"""Estimators of estimators: the same classes, in ties too, whatever stands within."""

import numpy as np
import pytest
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import (
    BaggingClassifier,
    BaggingRegressor,
    GradientBoostingClassifier,
    RandomForestClassifier,
    RandomForestRegressor,
    StackingClassifier,
    StackingRegressor,
    VotingClassifier,
    VotingRegressor,
)
from sklearn.linear_model import LinearRegression, LogisticRegression, Perceptron
from sklearn.model_selection import GridSearchCV, RandomizedSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from delivery.onnx.graph import NotConvertible
from tests.delivery.onnx.converters.trees.tree_harness import (
    Form,
    assert_equal_classifier,
    assert_equal_regressor,
    beside,
    classes_of,
    onnx_of,
    training,
)

FRAME = training() / np.array([1, 30, 1, 1e4])
VALUES = FRAME[:, 0] * 3 + FRAME[:, 1] ** 2
LABELS = {"two": classes_of(FRAME, 2), "three": np.array(["b", "a", "c"])[classes_of(FRAME, 3)]}


def rows():
    chance = np.random.default_rng(0)
    values = beside(chance.choice(FRAME.ravel(), 100))
    mixed = chance.choice(values, size=(500, 4))
    return np.concatenate([FRAME, mixed])


def forest():
    return RandomForestClassifier(5, max_depth=4, random_state=0)


def tree():
    return DecisionTreeClassifier(max_depth=3, random_state=0)


def line():
    return make_pipeline(StandardScaler(), LogisticRegression())


MEMBERS = [("forest", forest()), ("tree", tree()), ("line", line())]
PROBABLE = {
    "voting": VotingClassifier(MEMBERS, voting="soft"),
    "weighted voting": VotingClassifier(MEMBERS, voting="soft", weights=[2, 1, 1]),
    "stacking": StackingClassifier(MEMBERS, cv=2),
    "stacking with the columns": StackingClassifier(MEMBERS, forest(), passthrough=True, cv=2),
    "search": GridSearchCV(forest(), {"max_depth": [2, 4]}, cv=2),
    "search of a pipeline": GridSearchCV(
        make_pipeline(StandardScaler(), tree()), {"decisiontreeclassifier__max_depth": [2]}, cv=2
    ),
    "sigmoid": CalibratedClassifierCV(forest(), cv=2),
    "isotonic": CalibratedClassifierCV(forest(), cv=2, method="isotonic"),
    "one calibrator": CalibratedClassifierCV(tree(), cv=2, ensemble=False),
    "calibrated decision": CalibratedClassifierCV(Perceptron(), cv=2),
    "bagging of forests": BaggingClassifier(forest(), n_estimators=3, max_features=0.5),
    "bagging of pipelines": BaggingClassifier(line(), n_estimators=3),
    "bagging of votes": BaggingClassifier(Perceptron(), n_estimators=4),
}


@pytest.mark.parametrize("labels", LABELS)
@pytest.mark.parametrize("name", PROBABLE)
def test_probabilities_and_classes(name, labels):
    model = PROBABLE[name].fit(FRAME, LABELS[labels])
    assert_equal_classifier(model, rows(), exact=False)


@pytest.mark.parametrize("labels", LABELS)
@pytest.mark.parametrize("weights", [None, [2, 1, 1]])
def test_the_class_of_most_votes_and_of_two_the_first(weights, labels):
    model = VotingClassifier(MEMBERS, weights=weights).fit(FRAME, LABELS[labels])
    assert Form(model, 4).predict(rows()).tolist() == model.predict(rows()).tolist()


def test_two_members_that_disagree_tie():
    model = VotingClassifier([("forest", forest()), ("tree", tree())]).fit(FRAME, LABELS["three"])
    first, second = (member.predict(rows()) for member in model.estimators_)
    assert (first != second).any()
    assert Form(model, 4).predict(rows()).tolist() == model.predict(rows()).tolist()


REGRESSORS = [("forest", RandomForestRegressor(5, random_state=0)), ("line", LinearRegression())]


@pytest.mark.parametrize(
    "model",
    [
        VotingRegressor(REGRESSORS),
        VotingRegressor(REGRESSORS, weights=[1, 3]),
        StackingRegressor(REGRESSORS, cv=2),
        RandomizedSearchCV(DecisionTreeRegressor(), {"max_depth": [3]}, n_iter=1, cv=2),
        BaggingRegressor(LinearRegression(), n_estimators=3, max_features=0.5),
    ],
    ids=lambda model: type(model).__name__,
)
def test_values(model):
    assert_equal_regressor(model.fit(FRAME, VALUES), rows(), exact=False)


def test_calibration_of_what_has_decisions_and_probabilities_is_refused():
    model = CalibratedClassifierCV(GradientBoostingClassifier(n_estimators=3), cv=2)
    model.fit(FRAME, LABELS["two"])
    with pytest.raises(NotConvertible, match="decisions of GradientBoostingClassifier"):
        onnx_of(model, 4)
