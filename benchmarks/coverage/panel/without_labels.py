"""Outlier detectors, clusters and mixtures, which predict without having had a label."""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from sklearn.cluster import Birch, BisectingKMeans, KMeans, MeanShift, MiniBatchKMeans
from sklearn.covariance import EllipticEnvelope
from sklearn.ensemble import IsolationForest
from sklearn.linear_model import SGDOneClassSVM
from sklearn.mixture import BayesianGaussianMixture, GaussianMixture
from sklearn.neighbors import LocalOutlierFactor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import OneClassSVM

from benchmarks.coverage import tables
from benchmarks.coverage.panel_pipeline import PanelPipeline, fitted_without_labels
from delivery.recipe import Recipe

MODELS: dict[str, Callable[[], Any]] = {
    "BayesianGaussianMixture": lambda: BayesianGaussianMixture(n_components=3, random_state=0),
    "Birch": lambda: Birch(n_clusters=4),
    "BisectingKMeans": lambda: BisectingKMeans(5, random_state=0),
    "EllipticEnvelope": lambda: EllipticEnvelope(random_state=0),
    "GaussianMixture": lambda: GaussianMixture(n_components=3, random_state=0),
    "IsolationForest": lambda: IsolationForest(random_state=0),
    "KMeans": lambda: KMeans(5, random_state=0),
    "LocalOutlierFactor": lambda: LocalOutlierFactor(novelty=True),
    "MeanShift": lambda: MeanShift(bandwidth=2.5),
    "MiniBatchKMeans": lambda: MiniBatchKMeans(5, random_state=0),
    "OneClassSVM": lambda: OneClassSVM(nu=0.1),
    "SGDOneClassSVM": lambda: SGDOneClassSVM(random_state=0),
}


def pipelines() -> Iterator[PanelPipeline]:
    """One of each."""
    for name in MODELS:
        yield PanelPipeline(name, "without labels", partial(_fitted, name))


def _fitted(name: str) -> Recipe:
    pipeline = make_pipeline(StandardScaler(), MODELS[name]())
    return fitted_without_labels(pipeline, tables.sensors())
