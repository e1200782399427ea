"""The direct form of each step: the same to the last bit, and nothing that scikit-learn refuses."""

import numpy as np
import pandas as pd
import pytest
from sklearn import linear_model
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import (
    ExtraTreesClassifier,
    ExtraTreesRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import (
    MaxAbsScaler,
    MinMaxScaler,
    OneHotEncoder,
    OrdinalEncoder,
    RobustScaler,
    StandardScaler,
)
from sklearn.svm import LinearSVC
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from service.runtimes.direct import registry
from service.runtimes.direct.errors import LeftToPipeline
from tests.service.runtimes.direct.direct_harness import Both, labels, table

NUMBERS = ["height", "weight", "age"]
TEXTS = ["city", "plan"]
FRAME, OTHER = table(), table(seed=1)
CLASSIFIERS = [
    DecisionTreeClassifier(random_state=0),
    RandomForestClassifier(10, random_state=0),
    ExtraTreesClassifier(10, random_state=0),
    HistGradientBoostingClassifier(max_iter=10),
    linear_model.LogisticRegression(max_iter=500),
    linear_model.SGDClassifier(random_state=0),
    linear_model.RidgeClassifier(),
    linear_model.Perceptron(random_state=0),
    LinearSVC(),
]
REGRESSORS = [
    DecisionTreeRegressor(random_state=0),
    RandomForestRegressor(10, random_state=0),
    ExtraTreesRegressor(10, random_state=0),
    HistGradientBoostingRegressor(max_iter=10),
    HistGradientBoostingRegressor(max_iter=10, loss="poisson"),
    linear_model.LinearRegression(),
    linear_model.Ridge(),
    linear_model.Lasso(alpha=0.01),
    linear_model.ElasticNet(alpha=0.01),
    linear_model.BayesianRidge(),
    linear_model.HuberRegressor(),
]


def named(step):
    return repr(step).replace("\n", " ")


@pytest.mark.parametrize(
    "step",
    [
        StandardScaler(),
        StandardScaler(with_mean=False),
        StandardScaler(with_std=False),
        RobustScaler(),
        RobustScaler(with_centering=False),
        MinMaxScaler(),
        MinMaxScaler((-1, 2), clip=True),
        MaxAbsScaler(),
        SimpleImputer(),
        SimpleImputer(strategy="median"),
        SimpleImputer(strategy="most_frequent"),
        SimpleImputer(strategy="constant", fill_value=-7.5),
    ],
    ids=named,
)
@pytest.mark.parametrize("names", [NUMBERS, ["weight"], ["height", "age"]])
def test_numbers(step, names):
    step.fit(FRAME[names])
    direct = registry.transformer(step)
    for rows in (OTHER[names], OTHER[names].iloc[:1]):
        block = rows.to_numpy(copy=True)
        before, own = block.copy(), step.transform(rows)
        assert np.array_equal(direct(block), own, equal_nan=True)
        assert direct(block).dtype == own.dtype
        assert np.array_equal(block, before, equal_nan=True)


@pytest.mark.parametrize(
    "step",
    [
        OneHotEncoder(handle_unknown="ignore"),
        OneHotEncoder(handle_unknown="ignore", sparse_output=False, dtype=np.float32),
        OneHotEncoder(),
        OrdinalEncoder(),
        OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1),
        OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=np.nan),
        OrdinalEncoder(encoded_missing_value=-2, dtype=np.float32),
        SimpleImputer(strategy="most_frequent"),
        SimpleImputer(strategy="constant", fill_value="none"),
    ],
    ids=named,
)
@pytest.mark.parametrize("names", [TEXTS, ["plan"]])
def test_texts(step, names):
    step.fit(FRAME[names])
    direct = registry.transformer(step)
    unseen = OTHER[names].copy()
    unseen.iloc[::7, 0] = "Paris"
    for rows in (OTHER[names], OTHER[names].iloc[:1], unseen):
        block = rows.to_numpy(dtype=object)
        try:
            own = step.transform(rows)
        except ValueError:
            with pytest.raises(LeftToPipeline):
                direct(block)
            continue

        own = own.toarray() if hasattr(own, "toarray") else own
        if own.dtype == object:
            pd.testing.assert_frame_equal(pd.DataFrame(direct(block)), pd.DataFrame(own))
        else:
            assert np.array_equal(direct(block), own, equal_nan=True)


def test_numbers_are_categories_too_and_nan_is_one_of_them():
    rows = pd.DataFrame({"code": [1.0, 2.0, np.nan, 5.0, 2.0]})
    for step in (OneHotEncoder(sparse_output=False), OrdinalEncoder()):
        step.fit(rows)
        direct = registry.transformer(step)
        assert np.array_equal(direct(rows.to_numpy()), step.transform(rows), equal_nan=True)


@pytest.mark.parametrize("step", CLASSIFIERS, ids=named)
@pytest.mark.parametrize("classes", [2, 3])
def test_classes_and_probabilities(step, classes):
    rows, other = FRAME[["weight", "age"]].to_numpy(), OTHER[["weight", "age"]].to_numpy()
    step.fit(StandardScaler().fit_transform(rows), labels(FRAME, classes).astype(str))
    for output in ("predict", "predict_proba"):
        if hasattr(step, output):
            direct = registry.last_step(step, output)
            for block in (other, other[:1]):
                assert np.array_equal(direct(block), getattr(step, output)(block))


@pytest.mark.parametrize("step", REGRESSORS, ids=named)
def test_values(step):
    rows, other = FRAME[["weight", "age"]].to_numpy(), OTHER[["weight", "age"]].to_numpy()
    step.fit(StandardScaler().fit_transform(rows), FRAME["age"])
    direct = registry.last_step(step, "predict")
    for block in (other, other[:1]):
        assert np.array_equal(direct(block), step.predict(block))


@pytest.mark.parametrize("step", [*CLASSIFIERS, *REGRESSORS], ids=lambda step: type(step).__name__)
@pytest.mark.parametrize("value", [np.inf, -np.inf, np.nan, 1e300])
def test_what_scikit_learn_refuses_is_left_to_it(step, value):
    step.fit(FRAME[["weight", "age"]].to_numpy(), labels(FRAME))
    block = np.array([[value, 1.0]])
    direct = registry.last_step(step, "predict")
    try:
        with np.errstate(all="ignore"):
            own = step.predict(block)
    except ValueError:
        with pytest.raises(LeftToPipeline):
            direct(block)
        return

    try:
        answer = direct(block)
    except LeftToPipeline:
        return

    assert np.array_equal(answer, own)


@pytest.mark.parametrize(
    "step",
    [*CLASSIFIERS, *REGRESSORS, StandardScaler(), MinMaxScaler()],
    ids=lambda step: type(step).__name__,
)
def test_an_array_of_another_width_never_reaches_its_arrays(step):
    step.fit(FRAME[["weight", "age"]].to_numpy(), labels(FRAME))
    make = registry.last_step(step, "predict") or registry.transformer(step)
    for shape in ((3, 1), (3, 3), (3,)):
        with pytest.raises(LeftToPipeline):
            make(np.zeros(shape))


@pytest.mark.parametrize(
    "step",
    [
        SimpleImputer(add_indicator=True),
        SimpleImputer(missing_values=-1),
        OneHotEncoder(drop="first"),
        OneHotEncoder(min_frequency=5),
        OrdinalEncoder(max_categories=3),
    ],
    ids=named,
)
def test_settings_without_a_direct_form_have_none(step):
    rows = FRAME[["age"]].astype(float)
    assert registry.transformer(step.fit(rows)) is None


def test_boosting_that_encodes_categories_itself_has_none():
    rows = FRAME[["age"]].assign(city=FRAME["city"].astype("category"))
    step = HistGradientBoostingClassifier(max_iter=5).fit(rows, labels(FRAME))
    assert registry.last_step(step, "predict") is None


def test_large_integers_beside_floats_are_not_rounded_before_they_are_looked_up():
    ids = np.array([2**53, 2**53 + 1] * 100)
    frame = pd.DataFrame({"id": ids, "height": np.arange(200) % 3 + 0.5})
    columns = ColumnTransformer([("c", OneHotEncoder(), ["id", "height"])], sparse_threshold=0)
    tree = DecisionTreeClassifier(random_state=0)
    pipeline = make_pipeline(columns, tree).fit(frame, ids % 2)
    Both(pipeline, frame).require_equal(frame)
