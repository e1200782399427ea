"""Small pipelines of all kinds, each with what must become of it: served, or refused for a
reason.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from sklearn import (
    calibration,
    compose,
    covariance,
    decomposition,
    discriminant_analysis,
    ensemble,
    feature_selection,
    gaussian_process,
    impute,
    kernel_approximation,
    linear_model,
    mixture,
    naive_bayes,
    neighbors,
    neural_network,
    preprocessing,
    svm,
    tree,
)
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.feature_extraction.text import CountVectorizer, HashingVectorizer, TfidfVectorizer
from sklearn.multiclass import OneVsOneClassifier, OneVsRestClassifier
from sklearn.pipeline import FeatureUnion, make_pipeline

from delivery.recipe import Recipe

TRAINED, HELD_OUT = 150, 24
CITIES = ("Oslo", "Bergen", "Tromsø")
WORDS = ("good", "great", "fine", "café", "schön"), ("bad", "poor", "sad", "übel", "東京")


@dataclass(frozen=True)
class Entry:
    """A pipeline of the panel. refused: what delivery must say of it, None where it must be
    served.
    """

    build: Callable[[], Recipe]
    refused: str | None = None


# Those for which another one of their kind stands, as a tree for an extra tree.
SIBLINGS = frozenset(
    """
    columns_radius radius tree columns_extra_tree forest columns_extra_trees boosting
    columns_hist_boosting ada columns_bagging svc columns_knn gaussian_nb columns_bernoulli_nb
    lda columns_qda mlp columns_gaussian_process calibrated columns_calibrated_isotonic
    voting_soft columns_stacking one_vs_rest columns_sgd_log
    scaled_max_abs scaled_robust scaled_svd scaled_bins
    onehot_error_str onehot_drop_str onehot_infrequent_str onehot_str target_object
    ordinal_nulls_object constant_str frequent_object
    held_as_int8 held_as_int32 held_as_uint8 held_as_float32 text_object text_str
    integer_classes_predict float_classes_predict_proba text_classes_predict
    object_text_classes_predict_proba bool_classes_predict three_classes_predict
    tfidf_series tfidf_chars_list tfidf_chars_series tfidf_cased_list tfidf_cased_series
    counts_list hashing_series texts_given_as_series
    lasso huber bayes poisson voting_value stacking_value
    forest_value boosting_value mlp_value hist_value
    linear_svc passive_aggressive extra_tree decisions_of_three nulls_in_training_only_bagging
    scaled_rbf scaled_binarizer scaled_min_max frequent_none_object imputed_mean
    held_as_Float64 held_as_UInt16 text_string[python]
    """.split()  # noqa: SIM905 (a name a line would be sixty lines)
)


def entries() -> dict[str, Entry]:
    """All of them by name."""
    served = {
        **_numbers(),
        **_frames(),
        **_dtypes(),
        **_texts(),
        **_regressions(),
        **_outliers(),
        **_alone(),
        **_outputs(),
    }
    return {name: Entry(build) for name, build in served.items()} | _refused()


# Frames.


def numbers(seed: int = 0, rows: int = TRAINED + HELD_OUT) -> pd.DataFrame:
    """Four columns of floats."""
    return pd.DataFrame(
        np.random.default_rng(seed).normal(size=(rows, 4)).round(3), columns=list("abcd")
    )


def people(text: Any = object, seed: int = 0) -> pd.DataFrame:
    """Floats, integers, booleans and texts with nulls; of that dtype where they are texts."""
    chance, rows = np.random.default_rng(seed), TRAINED + HELD_OUT
    frame = pd.DataFrame(
        {
            "age": chance.integers(18, 90, rows),
            "income": chance.normal(30, 8, rows).round(1),
            "active": chance.random(rows) < 0.5,
            "city": pd.Series(chance.choice(CITIES, rows), dtype=text),
            "plan": pd.Series(chance.choice(["basic", "gold"], rows), dtype=text),
        }
    )
    frame.loc[chance.random(rows) < 0.15, "income"] = np.nan
    frame.loc[chance.random(rows) < 0.15, "city"] = None
    return frame


def texts(seed: int = 0) -> tuple[pd.Series, np.ndarray]:
    """Texts of good and bad words, and which they are."""
    chance = np.random.default_rng(seed)
    labels = chance.integers(0, 2, TRAINED + HELD_OUT)
    made = [
        " ".join(chance.choice(WORDS[label], 3)) + chance.choice([".", "!", ""]) for label in labels
    ]
    return pd.Series(made, name="text"), labels


def positive(frame: pd.DataFrame) -> np.ndarray:
    """0 or 1."""
    return (frame["a"] + frame["b"] * frame["c"] > 0).astype(int).to_numpy()


def likes(frame: pd.DataFrame) -> np.ndarray:
    """0 or 1."""
    city = (frame["city"] == "Oslo").fillna(False).astype(bool)
    return ((frame["age"] > 50) ^ city.to_numpy()).astype(int).to_numpy()


def fitted(
    pipeline: Any, frame: Any, labels: Any, output: str = "predict_proba", **more: Any
) -> Recipe:
    """Fitted on the first rows; the others are held out."""
    pipeline.fit(frame[:TRAINED], labels[:TRAINED])
    return Recipe(pipeline, frame[TRAINED:], labels[TRAINED:], output, frame[:TRAINED], **more)


# Kinds.


def _numbers() -> dict[str, Callable[[], Recipe]]:
    proba = {
        "logistic": linear_model.LogisticRegression(),
        "sgd_log": linear_model.SGDClassifier(loss="log_loss", random_state=0),
        "tree": tree.DecisionTreeClassifier(max_depth=4, random_state=0),
        "extra_tree": tree.ExtraTreeClassifier(max_depth=4, random_state=0),
        "forest": ensemble.RandomForestClassifier(10, max_depth=4, random_state=0),
        "extra_trees": ensemble.ExtraTreesClassifier(10, max_depth=4, random_state=0),
        "boosting": ensemble.GradientBoostingClassifier(n_estimators=8, random_state=0),
        "hist_boosting": ensemble.HistGradientBoostingClassifier(max_iter=8, random_state=0),
        "ada": ensemble.AdaBoostClassifier(n_estimators=5, random_state=0),
        "bagging": ensemble.BaggingClassifier(n_estimators=5, random_state=0),
        "svc": svm.SVC(),
        "knn": neighbors.KNeighborsClassifier(3),
        "radius": neighbors.RadiusNeighborsClassifier(5.0),
        "gaussian_nb": naive_bayes.GaussianNB(),
        "bernoulli_nb": naive_bayes.BernoulliNB(),
        "lda": discriminant_analysis.LinearDiscriminantAnalysis(),
        "qda": discriminant_analysis.QuadraticDiscriminantAnalysis(),
        "mlp": neural_network.MLPClassifier((5,), max_iter=40, random_state=0),
        "gaussian_process": gaussian_process.GaussianProcessClassifier(),
        "calibrated": calibration.CalibratedClassifierCV(svm.LinearSVC(), cv=2),
        "calibrated_isotonic": calibration.CalibratedClassifierCV(
            naive_bayes.GaussianNB(), method="isotonic", cv=2
        ),
        "voting_soft": ensemble.VotingClassifier(
            [("l", linear_model.LogisticRegression()), ("n", naive_bayes.GaussianNB())],
            voting="soft",
        ),
        "stacking": ensemble.StackingClassifier(
            [("t", tree.DecisionTreeClassifier(max_depth=2)), ("n", naive_bayes.GaussianNB())], cv=2
        ),
        "one_vs_rest": OneVsRestClassifier(linear_model.LogisticRegression()),
    }
    classes = {
        "ridge_class": linear_model.RidgeClassifier(),
        "linear_svc": svm.LinearSVC(),
        "svc_class": svm.SVC(),
        "passive_aggressive": linear_model.SGDClassifier(
            loss="hinge", penalty=None, random_state=0
        ),
        "perceptron": linear_model.Perceptron(random_state=0),
        "nearest_centroid": neighbors.NearestCentroid(),
        "one_vs_one": OneVsOneClassifier(svm.LinearSVC()),
        "voting_hard": ensemble.VotingClassifier(
            [
                ("l", linear_model.LogisticRegression()),
                ("t", tree.DecisionTreeClassifier(max_depth=2)),
            ]
        ),
    }
    scalers = {
        "standard": preprocessing.StandardScaler(),
        "min_max": preprocessing.MinMaxScaler(),
        "max_abs": preprocessing.MaxAbsScaler(),
        "robust": preprocessing.RobustScaler(),
        "normalizer": preprocessing.Normalizer(),
        "power": preprocessing.PowerTransformer(),
        "quantile": preprocessing.QuantileTransformer(n_quantiles=20),
        "binarizer": preprocessing.Binarizer(),
        "bins": preprocessing.KBinsDiscretizer(4, encode="ordinal", strategy="uniform"),
        "bins_onehot": preprocessing.KBinsDiscretizer(4),
        "polynomial": preprocessing.PolynomialFeatures(2),
        "splines": preprocessing.SplineTransformer(n_knots=4),
        "pca": decomposition.PCA(2),
        "svd": decomposition.TruncatedSVD(2),
        "best": feature_selection.SelectKBest(k=2),
        "nystroem": kernel_approximation.Nystroem(n_components=10, random_state=0),
        "rbf": kernel_approximation.RBFSampler(n_components=10, random_state=0),
        "log": preprocessing.FunctionTransformer(np.tanh),
        "union": FeatureUnion([("s", preprocessing.StandardScaler()), ("p", decomposition.PCA(2))]),
    }
    built: dict[str, Callable[[], Recipe]] = {}
    for name, model in proba.items():
        output = "predict_proba" if hasattr(model, "predict_proba") else "predict"
        built[name] = lambda model=model, output=output: fitted(
            model, numbers(), positive(numbers()), output
        )
        # Behind a column transformer most have an ONNX form.
        built[f"columns_{name}"] = lambda model=model, output=output: fitted(
            make_pipeline(_all_columns(), model), numbers(), positive(numbers()), output
        )

    for name, model in classes.items():
        built[name] = lambda model=model: fitted(model, numbers(), positive(numbers()), "predict")

    for name, step in scalers.items():
        built[f"scaled_{name}"] = lambda step=step: fitted(
            make_pipeline(step, linear_model.LogisticRegression()), numbers(), positive(numbers())
        )

    return built


def _all_columns() -> compose.ColumnTransformer:
    return compose.ColumnTransformer([("all", "passthrough", list("abcd"))])


def _columns(names: Any, rest: Any) -> compose.ColumnTransformer:
    gaps = make_pipeline(rest, preprocessing.StandardScaler())
    return compose.ColumnTransformer(
        [
            ("n", gaps, ["age", "income"]),
            ("b", "passthrough", ["active"]),
            ("c", names, ["city", "plan"]),
        ]
    )


def _frames() -> dict[str, Callable[[], Recipe]]:
    onehot = preprocessing.OneHotEncoder(handle_unknown="ignore")
    encoders = {
        "onehot": onehot,
        "onehot_error": preprocessing.OneHotEncoder(),
        "onehot_infrequent": preprocessing.OneHotEncoder(
            handle_unknown="infrequent_if_exist", min_frequency=45
        ),
        "onehot_drop": preprocessing.OneHotEncoder(drop="first", handle_unknown="ignore"),
        "ordinal": preprocessing.OrdinalEncoder(
            handle_unknown="use_encoded_value", unknown_value=-1
        ),
        "ordinal_nulls": preprocessing.OrdinalEncoder(
            handle_unknown="use_encoded_value", unknown_value=-2, encoded_missing_value=-1
        ),
        "target": preprocessing.TargetEncoder(random_state=0),
        "frequent": make_pipeline(impute.SimpleImputer(strategy="most_frequent"), onehot),
        "frequent_none": make_pipeline(
            impute.SimpleImputer(strategy="most_frequent", missing_values=None), onehot
        ),
        "constant": make_pipeline(
            impute.SimpleImputer(strategy="constant", fill_value="none"), onehot
        ),
    }
    imputers = {
        "mean": impute.SimpleImputer(),
        "median_flag": impute.SimpleImputer(strategy="median", add_indicator=True),
        "knn": impute.KNNImputer(n_neighbors=3),
    }
    built: dict[str, Callable[[], Recipe]] = {}
    model = linear_model.LogisticRegression
    for name, encoder in encoders.items():
        for text in (object, "str"):
            # Of texts as `str` the null is NaN, which these leave as it is.
            if name in ("frequent_none", "ordinal") and text == "str":
                continue
            built[f"{name}_{'object' if text is object else text}"] = (
                lambda encoder=encoder, text=text: fitted(
                    make_pipeline(_columns(encoder, impute.SimpleImputer()), model()),
                    people(text),
                    likes(people(text)),
                )
            )

    for name, imputer in imputers.items():
        built[f"imputed_{name}"] = lambda imputer=imputer: fitted(
            make_pipeline(_columns(onehot, imputer), model()), people(), likes(people())
        )

    forest = make_pipeline(
        _all_columns(), ensemble.RandomForestClassifier(10, max_depth=4, random_state=0)
    )
    built["nulls_in_training_only"] = lambda: _nulls_in_training_only(forest)
    built["nulls_in_training_only_bagging"] = lambda: _nulls_in_training_only(
        make_pipeline(_all_columns(), ensemble.BaggingClassifier(n_estimators=5, random_state=0))
    )
    built["nulls_hist"] = lambda: _nulls_in_training_only(
        make_pipeline(_all_columns(), ensemble.HistGradientBoostingClassifier(max_iter=8))
    )
    built["ordinal_over_floats"] = lambda: _nulls_in_training_only(
        make_pipeline(
            preprocessing.OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1),
            tree.DecisionTreeClassifier(max_depth=4, random_state=0),
        )
    )
    return built


def _nulls_in_training_only(model: Any) -> Recipe:
    frame = numbers()
    labels = positive(frame)
    frame[:TRAINED] = frame[:TRAINED].mask(np.random.default_rng(1).random((TRAINED, 4)) < 0.2)
    return fitted(model, frame, labels)


def _dtypes() -> dict[str, Callable[[], Recipe]]:
    built: dict[str, Callable[[], Recipe]] = {}
    for dtype in (
        "float32",
        "float16",
        "Float64",
        "int8",
        "int32",
        "Int64",
        "UInt16",
        "uint8",
        "bool",
        "boolean",
    ):
        built[f"held_as_{dtype}"] = lambda dtype=dtype: fitted(
            make_pipeline(
                impute.SimpleImputer(strategy="most_frequent"), linear_model.LogisticRegression()
            ),
            _held_as(dtype),
            positive(numbers()),
        )

    for text in ("category", "string[python]", object, "str"):
        name = "object" if text is object else text
        built[f"text_{name}"] = lambda text=text: fitted(
            make_pipeline(
                _columns(
                    preprocessing.OneHotEncoder(handle_unknown="ignore"), impute.SimpleImputer()
                ),
                linear_model.LogisticRegression(),
            ),
            _without_null_text(text),
            likes(people()),
        )

    built["category_from_dtype"] = lambda: fitted(
        ensemble.HistGradientBoostingClassifier(max_iter=8, categorical_features="from_dtype"),
        people("category")[["age", "city", "plan"]],
        likes(people()),
    )
    built["category_with_nulls"] = lambda: fitted(
        make_pipeline(
            _columns(preprocessing.OneHotEncoder(handle_unknown="ignore"), impute.SimpleImputer()),
            linear_model.LogisticRegression(),
        ),
        people("category"),
        likes(people()),
    )
    classes = {
        "integer": lambda y: y,
        "float": lambda y: y.astype(float),
        "text": lambda y: np.where(y == 1, "good", "så som så"),
        "object_text": lambda y: np.array(["yes" if item else "no" for item in y], dtype=object),
        "bool": lambda y: y == 1,
        "three": lambda y: y + (np.arange(len(y)) % 3 == 0),
    }
    for name, change in classes.items():
        for output in ("predict", "predict_proba"):
            built[f"{name}_classes_{output}"] = lambda change=change, output=output: fitted(
                linear_model.LogisticRegression(), numbers(), change(positive(numbers())), output
            )

    return built


def _held_as(dtype: str) -> pd.DataFrame:
    frame = numbers()[["a", "b"]]
    if dtype in ("bool", "boolean"):
        frame["b"] = (frame["b"] > 0).astype(dtype)
    else:
        whole = "int" in dtype.lower()
        frame["b"] = ((frame["b"] * 20).round().abs() if whole else frame["b"]).astype(dtype)

    if dtype[0].isupper() or dtype == "boolean":
        frame.loc[::9, "b"] = pd.NA

    return frame


def _without_null_text(text: Any) -> pd.DataFrame:
    frame = people()
    frame["city"] = frame["city"].fillna("nowhere").astype(text)
    return frame.astype({"plan": text})


def _texts() -> dict[str, Callable[[], Recipe]]:
    model = linear_model.LogisticRegression
    makers = {
        "tfidf": TfidfVectorizer,
        "tfidf_cased": lambda: TfidfVectorizer(lowercase=False),
        "tfidf_chars": lambda: TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 3)),
        "counts": CountVectorizer,
        "hashing": lambda: HashingVectorizer(n_features=64),
    }
    built: dict[str, Callable[[], Recipe]] = {}
    for name, make in makers.items():
        built[f"{name}_list"] = lambda make=make: _of_texts(make_pipeline(make(), model()), list)
        built[f"{name}_series"] = lambda make=make: _of_texts(
            make_pipeline(make(), model()), lambda rows: rows
        )
        built[f"{name}_column"] = lambda make=make: fitted(
            make_pipeline(compose.ColumnTransformer([("t", make(), "text")]), model()),
            texts()[0].to_frame(),
            texts()[1],
        )

    built["counts_naive_bayes"] = lambda: _of_texts(
        make_pipeline(CountVectorizer(), naive_bayes.MultinomialNB()), list
    )
    built["texts_given_as_list"] = lambda: _given_as(list)
    built["texts_given_as_series"] = lambda: _given_as(lambda rows: rows)
    built["text_and_number"] = lambda: fitted(
        make_pipeline(
            compose.ColumnTransformer([("t", TfidfVectorizer(), "text")], remainder="passthrough"),
            model(),
        ),
        texts()[0].to_frame().assign(length=texts()[0].str.len()),
        texts()[1],
    )
    return built


def _of_texts(pipeline: Any, given: Callable[[Any], Any]) -> Recipe:
    """Fitted on a list or a series; the recipe's rows are a frame."""
    rows, labels = texts()
    pipeline.fit(given(rows[:TRAINED]), labels[:TRAINED])
    frame = rows.to_frame()
    return Recipe(pipeline, frame[TRAINED:], labels[TRAINED:], "predict_proba", frame[:TRAINED])


def _given_as(given: Callable[[Any], Any]) -> Recipe:
    rows, labels = texts()
    pipeline = make_pipeline(TfidfVectorizer(), linear_model.LogisticRegression())
    pipeline.fit(given(rows[:TRAINED]), labels[:TRAINED])
    return Recipe(
        pipeline, given(rows[TRAINED:]), labels[TRAINED:], "predict_proba", given(rows[:TRAINED])
    )


def _regressions() -> dict[str, Callable[[], Recipe]]:
    models = {
        "linear": linear_model.LinearRegression(),
        "ridge": linear_model.Ridge(),
        "lasso": linear_model.Lasso(0.01),
        "huber": linear_model.HuberRegressor(),
        "poisson": linear_model.PoissonRegressor(),
        "bayes": linear_model.BayesianRidge(),
        "tree_value": tree.DecisionTreeRegressor(max_depth=4, random_state=0),
        "forest_value": ensemble.RandomForestRegressor(10, max_depth=4, random_state=0),
        "boosting_value": ensemble.GradientBoostingRegressor(n_estimators=8, random_state=0),
        "hist_value": ensemble.HistGradientBoostingRegressor(max_iter=8),
        "svr": svm.SVR(),
        "knn_value": neighbors.KNeighborsRegressor(3),
        "voting_value": ensemble.VotingRegressor(
            [("l", linear_model.LinearRegression()), ("r", linear_model.Ridge())]
        ),
        "stacking_value": ensemble.StackingRegressor(
            [("l", linear_model.Ridge()), ("k", svm.SVR())], cv=2
        ),
        "log_target": compose.TransformedTargetRegressor(
            linear_model.Ridge(), func=np.log1p, inverse_func=np.expm1
        ),
        "mlp_value": neural_network.MLPRegressor(
            hidden_layer_sizes=(5,), max_iter=60, random_state=0
        ),
    }
    built: dict[str, Callable[[], Recipe]] = {}
    for name, model in models.items():
        built[name] = lambda model=model: fitted(
            make_pipeline(_all_columns(), model), numbers(), _value(numbers()), "predict"
        )

    built["large_values"] = lambda: fitted(
        linear_model.Ridge(), numbers(), 1e6 * _value(numbers()), "predict"
    )
    return built


def _value(frame: pd.DataFrame) -> np.ndarray:
    return (5 + frame["a"] + frame["b"] ** 2).abs().to_numpy()


def _outliers() -> dict[str, Callable[[], Recipe]]:
    models = {
        "isolation": ensemble.IsolationForest(n_estimators=10, random_state=0),
        "one_class_svm": svm.OneClassSVM(),
        "local_outliers": neighbors.LocalOutlierFactor(5, novelty=True),
        "elliptic": covariance.EllipticEnvelope(random_state=0),
    }
    return {
        name: lambda model=model: fitted(
            model, numbers(), np.ones(TRAINED + HELD_OUT, dtype=int), "predict"
        )
        for name, model in models.items()
    }


# Those that depend on the rows beside them, or on chance.


def ranks(frame: Any) -> Any:
    """Ranks within the batch."""
    return pd.DataFrame(frame).rank(pct=True)


def centred(frame: Any) -> Any:
    """Less the mean of the batch."""
    return frame - np.asarray(frame).mean(axis=0)


def filled_from_batch(frame: Any) -> Any:
    """Nulls become the mean of the batch."""
    return frame.fillna(frame.mean()).fillna(0)


def codes(frame: Any) -> Any:
    """Numbers of categories by the order in the batch."""
    return frame.assign(plan=pd.factorize(frame["plan"], sort=True)[0]).fillna(0)


def noisy(frame: Any) -> Any:
    """Something is drawn anew at each call."""
    return frame + np.random.default_rng().normal(size=np.shape(frame))


class Counter(TransformerMixin, BaseEstimator):
    """Remembers how often it was asked."""

    def fit(self, frame: Any, labels: Any = None) -> "Counter":
        """Nothing to learn."""
        self.asked_ = 0
        return self

    def transform(self, frame: Any) -> Any:
        """All, and a little more at each call."""
        self.asked_ += 1
        return frame + self.asked_


def _after(function: Any, frame: pd.DataFrame, labels: Any, **more: Any) -> Recipe:
    step = preprocessing.FunctionTransformer(function)
    return fitted(make_pipeline(step, linear_model.LogisticRegression()), frame, labels, **more)


def _alone() -> dict[str, Callable[[], Recipe]]:
    return {
        "ranks_alone": lambda: _after(
            ranks, numbers(), positive(numbers()), one_row_at_a_time=True
        ),
        "centred_alone": lambda: _after(
            centred, numbers(), positive(numbers()), one_row_at_a_time=True
        ),
        "filled_alone": lambda: _after(
            filled_from_batch, people()[["age", "income"]], likes(people()), one_row_at_a_time=True
        ),
    }


def _refused() -> dict[str, Entry]:
    depends, anew = "depends on the rows beside it", "differently from call to call"
    plans = people()[["income", "plan"]]
    counter = make_pipeline(Counter(), linear_model.LogisticRegression())
    several = make_pipeline(TfidfVectorizer(), linear_model.LogisticRegression())
    return {
        "ranks": Entry(lambda: _after(ranks, numbers(), positive(numbers())), depends),
        "centred": Entry(lambda: _after(centred, numbers(), positive(numbers())), depends),
        "filled_from_batch": Entry(
            lambda: _after(filled_from_batch, people()[["age", "income"]], likes(people())), depends
        ),
        "codes_of_batch": Entry(lambda: _after(codes, plans, likes(people())), depends),
        "noisy": Entry(lambda: _after(noisy, numbers(), positive(numbers())), anew),
        "stateful": Entry(lambda: fitted(counter, numbers(), positive(numbers())), anew),
        "stateful_alone": Entry(
            lambda: fitted(counter, numbers(), positive(numbers()), one_row_at_a_time=True), anew
        ),
        "texts_beside_another_column": Entry(
            lambda: _texts_beside(several), "takes one column of texts"
        ),
    }


def _outputs() -> dict[str, Callable[[], Recipe]]:
    """Other outputs than one value a row, and several values a row."""
    two_numbers = numbers(1)[["a", "b"]].to_numpy()
    two_labels = (two_numbers > 0).astype(int)
    three = np.digitize(numbers()["a"], [-0.5, 0.5])
    built: dict[str, Callable[[], Recipe]] = {}

    def add(name: str, model: Any, labels: Any, output: str) -> None:
        built[name] = lambda: fitted(model, numbers(), labels, output)

    def add_unlabelled(name: str, model: Any, output: str) -> None:
        built[name] = lambda: replace(
            fitted(model, numbers(), positive(numbers()), output), labels=None
        )

    add("two_targets", linear_model.Ridge(), two_numbers, "predict")
    add("several_labels", linear_model.RidgeClassifier(), two_labels, "predict")
    forest = ensemble.RandomForestClassifier(5, random_state=0)
    add("classes_of_two_targets", forest, two_labels, "predict")
    logistic = linear_model.LogisticRegression()
    add("decisions", logistic, positive(numbers()), "decision_function")
    add("decisions_of_three", logistic, three, "decision_function")
    add("decisions_of_pairs", svm.SVC(decision_function_shape="ovo"), three, "decision_function")
    add_unlabelled("components", decomposition.PCA(2), "transform")
    add_unlabelled("bins", preprocessing.KBinsDiscretizer(3, encode="onehot-dense"), "transform")
    isolated = ensemble.IsolationForest(n_estimators=5, random_state=0)
    add_unlabelled("unusual", isolated, "score_samples")
    add_unlabelled("density", mixture.GaussianMixture(2, random_state=0), "score_samples")
    return built


def _texts_beside(pipeline: Any) -> Recipe:
    rows, labels = texts()
    pipeline.fit(rows[:TRAINED].tolist(), labels[:TRAINED])
    frame = rows.to_frame().assign(number=range(len(rows)))
    return Recipe(pipeline, frame[TRAINED:], labels[TRAINED:], "predict_proba", frame[:TRAINED])
