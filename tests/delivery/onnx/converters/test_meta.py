"""Estimators that are made of others answer by the answers of those."""

import numpy as np
import pytest
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import TransformedTargetRegressor
from sklearn.ensemble import (
    StackingClassifier,
    StackingRegressor,
    VotingClassifier,
    VotingRegressor,
)
from sklearn.linear_model import LinearRegression, LogisticRegression, RANSACRegressor, Ridge
from sklearn.model_selection import (
    FixedThresholdClassifier,
    GridSearchCV,
    TunedThresholdClassifierCV,
)
from sklearn.multiclass import OneVsOneClassifier, OneVsRestClassifier, OutputCodeClassifier
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, MinMaxScaler, StandardScaler
from sklearn.semi_supervised import SelfTrainingClassifier
from sklearn.svm import SVC, LinearSVC

from delivery.onnx.graph import NotConvertible
from tests.delivery.onnx.converter_harness import ConvertedStep, numbers
from tests.delivery.onnx.converters.rows import fitted, require_equal_everywhere, scaled, target

TWO = [("bayes", GaussianNB()), ("neighbours", KNeighborsClassifier())]
VALUES = [("ridge", Ridge()), ("neighbours", KNeighborsRegressor())]
BEHIND_A_SCALER = make_pipeline(StandardScaler(), LogisticRegression())


@pytest.mark.parametrize("output", ["predict", "predict_proba"])
@pytest.mark.parametrize("classes", [2, 4])
@pytest.mark.parametrize("model", [
    VotingClassifier(TWO, voting="soft"),
    VotingClassifier(TWO, voting="soft", weights=[1, 3]),
    StackingClassifier(TWO, cv=2),
    StackingClassifier(TWO, cv=2, passthrough=True),
    CalibratedClassifierCV(LinearSVC(), cv=2),
    CalibratedClassifierCV(LinearSVC(), cv=2, method="isotonic"),
    CalibratedClassifierCV(GaussianNB(), cv=2),
    CalibratedClassifierCV(GaussianNB(), cv=2, method="isotonic", ensemble=False),
    OneVsRestClassifier(LogisticRegression()),
    OneVsRestClassifier(GaussianNB()),
    GridSearchCV(BEHIND_A_SCALER, {"logisticregression__C": [1.0]}, cv=2),
], ids=str)  # fmt: skip
def test_probabilities_and_classes(model, classes, output):
    require_equal_everywhere(fitted(model, output, classes))


@pytest.mark.parametrize("output", ["predict", "predict_proba"])
def test_a_classifier_that_labels_rows_itself(output):
    frame = scaled(numbers(240))
    labels = np.unique(target(frame, 3), return_inverse=True)[1]
    labels[::3] = -1
    model = SelfTrainingClassifier(GaussianNB()).fit(frame, labels)
    require_equal_everywhere(ConvertedStep(model, frame, output))


@pytest.mark.parametrize("classes", [2, 4])
@pytest.mark.parametrize("model", [
    VotingClassifier(TWO), OneVsOneClassifier(LinearSVC()), OneVsOneClassifier(GaussianNB()),
    OneVsRestClassifier(LinearSVC()), OneVsRestClassifier(SVC()), OneVsOneClassifier(SVC()),
    OutputCodeClassifier(LogisticRegression(), code_size=3, random_state=0),
], ids=str)  # fmt: skip
def test_classes(model, classes):
    require_equal_everywhere(fitted(model, "predict", classes))


@pytest.mark.parametrize("output", ["predict", "predict_proba"])
@pytest.mark.parametrize("model", [
    FixedThresholdClassifier(GaussianNB(), threshold=0.3),
    FixedThresholdClassifier(GaussianNB()),
    TunedThresholdClassifierCV(LogisticRegression(), cv=2),
], ids=str)  # fmt: skip
def test_a_class_from_a_threshold_on(model, output):
    require_equal_everywhere(fitted(model, output))


@pytest.mark.parametrize("model", [
    VotingRegressor(VALUES), VotingRegressor(VALUES, weights=[2, 1]),
    StackingRegressor(VALUES, cv=2), RANSACRegressor(random_state=0),
    TransformedTargetRegressor(LinearRegression(), func=np.log, inverse_func=np.exp),
    TransformedTargetRegressor(LinearRegression(), func=np.log1p, inverse_func=np.expm1),
    TransformedTargetRegressor(LinearRegression(), func=np.sqrt, inverse_func=np.square),
    TransformedTargetRegressor(Ridge(), transformer=StandardScaler()),
    TransformedTargetRegressor(Ridge(), transformer=MinMaxScaler()),
    TransformedTargetRegressor(Ridge()),
], ids=str)  # fmt: skip
def test_values(model):
    require_equal_everywhere(fitted(model, "predict", classes=0))


def test_a_function_of_one_s_own_is_refused_by_its_name():
    transformer = FunctionTransformer(np.cbrt, inverse_func=_cubed)
    model = TransformedTargetRegressor(Ridge(), transformer=transformer, check_inverse=False)
    with pytest.raises(NotConvertible, match="_cubed"):
        fitted(model, "predict", classes=0)


def _cubed(values):
    return values**3
