"""Every transformer, before a logistic regression, on the table that it is for."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
from sklearn.cluster import KMeans
from sklearn.decomposition import PCA
from sklearn.ensemble import ExtraTreesClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import FeatureUnion, make_pipeline
from sklearn.preprocessing import FunctionTransformer, MinMaxScaler, StandardScaler

from benchmarks.coverage import tables
from benchmarks.coverage.estimators import made, names
from benchmarks.coverage.panel_pipeline import PanelPipeline, fitted
from delivery.recipe import Recipe

NOT_FOR_ROWS = {
    "LabelBinarizer": "it is for targets",
    "LabelEncoder": "it is for targets",
    "MultiLabelBinarizer": "it is for targets",
    "DictVectorizer": "it takes dictionaries, and a pipeline's rows are a frame",
    "FeatureHasher": "it takes dictionaries, and a pipeline's rows are a frame",
    "PatchExtractor": "it takes images, and answers several rows for one",
    "TSNE": "it transforms no new row",
    "KernelCenterer": "it takes a matrix of all fitted rows",
    "SparseCoder": "it learns nothing: its dictionary is another step's",
    "IsotonicRegression": "the family of regressors has it",
    "ColumnTransformer": "nearly every pipeline of the panel has one",
    "CountVectorizer": "the family of texts has it",
    "HashingVectorizer": "the family of texts has it",
    "TfidfVectorizer": "the family of texts has it",
    "TfidfTransformer": "the family of texts has it",
    "SimpleImputer": "the family of gaps has it",
    "KNNImputer": "the family of gaps has it",
    "IterativeImputer": "the family of gaps has it",
    "MissingIndicator": "the family of gaps has it",
    "OneHotEncoder": "the family of categories has it",
    "OrdinalEncoder": "the family of categories has it",
    "TargetEncoder": "the family of categories has it",
    "StackingClassifier": "the family of classifiers has it",
    "VotingClassifier": "the family of classifiers has it",
    "StackingRegressor": "the family of regressors has it",
    "VotingRegressor": "the family of regressors has it",
    "PLSRegression": "in a pipeline its fit answers two arrays; the family of regressors has it",
    "PLSSVD": "in a pipeline its fit answers two arrays",
    "CCA": "the family of several targets has it",
    "PLSCanonical": "the family of several targets has it",
}
WITHOUT_NEGATIVES = {
    "AdditiveChi2Sampler",
    "BernoulliRBM",
    "LatentDirichletAllocation",
    "MiniBatchNMF",
    "NMF",
}
# A row's answer depends on the rows beside it, and its delivery says to let each be alone.
ONE_ROW_AT_A_TIME = {"MiniBatchNMF", "NMF"}
UNSCALED = {
    "Binarizer",
    "KBinsDiscretizer",
    "MaxAbsScaler",
    "MinMaxScaler",
    "Normalizer",
    "PowerTransformer",
    "QuantileTransformer",
    "RobustScaler",
    "SplineTransformer",
    "StandardScaler",
    "VarianceThreshold",
}
MADE: dict[str, Callable[[], Any]] = {
    "FeatureUnion": lambda: FeatureUnion([("pca", PCA(2)), ("scaler", StandardScaler())]),
    "FunctionTransformer": lambda: FunctionTransformer(np.tanh),
    "RFE": lambda: made("RFE", estimator=LogisticRegression(), n_features_to_select=3),
    "RFECV": lambda: made("RFECV", estimator=LogisticRegression(), cv=3),
    "SelectFromModel": lambda: made(
        "SelectFromModel", estimator=ExtraTreesClassifier(20, random_state=0)
    ),
    "SequentialFeatureSelector": lambda: made(
        "SequentialFeatureSelector", estimator=LogisticRegression(), n_features_to_select=3, cv=2
    ),
}
SETTINGS: dict[str, dict[str, Any]] = {
    "Binarizer": {"threshold": 0.5},
    "BernoulliRBM": {"n_components": 4, "n_iter": 3},
    "BisectingKMeans": {"n_clusters": 5},
    "DictionaryLearning": {"n_components": 4, "max_iter": 10},
    "FactorAnalysis": {"n_components": 3},
    "FastICA": {"n_components": 3},
    "FeatureAgglomeration": {"n_clusters": 3},
    "GaussianRandomProjection": {"n_components": 3},
    "GenericUnivariateSelect": {"mode": "k_best", "param": 3},
    "IncrementalPCA": {"n_components": 3},
    "Isomap": {"n_components": 3},
    "KBinsDiscretizer": {"quantile_method": "averaged_inverted_cdf"},
    "KMeans": {"n_clusters": 5},
    "KernelPCA": {"n_components": 3, "kernel": "rbf"},
    "LatentDirichletAllocation": {"n_components": 4, "max_iter": 3},
    "LocallyLinearEmbedding": {"n_components": 3, "n_neighbors": 10},
    "MiniBatchDictionaryLearning": {"n_components": 4, "max_iter": 10},
    "MiniBatchKMeans": {"n_clusters": 5},
    "MiniBatchNMF": {"n_components": 3},
    "MiniBatchSparsePCA": {"n_components": 3, "max_iter": 20},
    "NMF": {"n_components": 3},
    "NeighborhoodComponentsAnalysis": {"n_components": 3, "max_iter": 10},
    "Nystroem": {"n_components": 40},
    "PCA": {"n_components": 3},
    "PolynomialCountSketch": {"n_components": 20},
    "RBFSampler": {"n_components": 40},
    "RadiusNeighborsTransformer": {"radius": 2.0},
    "SelectFdr": {"alpha": 0.05},
    "SelectKBest": {"k": 3},
    "SelectPercentile": {"percentile": 50},
    "SkewedChi2Sampler": {"skewedness": 8.0, "n_components": 40},
    "SparsePCA": {"n_components": 3, "max_iter": 20},
    "SparseRandomProjection": {"n_components": 3},
    "TruncatedSVD": {"n_components": 3},
}


def pipelines() -> Iterator[PanelPipeline]:
    """One of each that transforms rows."""
    for name in sorted({*names("transformer"), *MADE}):
        if name not in NOT_FOR_ROWS:
            yield PanelPipeline(name, "transformers", partial(_before_a_regression, name))

    yield PanelPipeline("KMeans beside its numbers", "transformers", _clusters_beside_numbers)


def _before_a_regression(name: str) -> Recipe:
    table = tables.sensors()
    steps = [_transformer(name), LogisticRegression(max_iter=1000)]
    if name in WITHOUT_NEGATIVES:
        steps = [MinMaxScaler(clip=True), *steps]
    elif name not in UNSCALED:
        steps = [StandardScaler(), *steps]

    recipe = fitted(make_pipeline(*steps), table, table.binary)
    return replace(recipe, one_row_at_a_time=name in ONE_ROW_AT_A_TIME)


def _transformer(name: str) -> Any:
    if name in MADE:
        return MADE[name]()

    return made(name, **SETTINGS.get(name, {}))


def _clusters_beside_numbers() -> Recipe:
    table = tables.sensors()
    both = FeatureUnion([("numbers", "passthrough"), ("clusters", KMeans(4, random_state=0))])
    pipeline = make_pipeline(StandardScaler(), both, LogisticRegression(max_iter=1000))
    return fitted(pipeline, table, table.binary)
