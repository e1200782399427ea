"""Every classifier on customers with gaps, and of several classes on integers."""

from collections.abc import Iterator
from functools import partial
from typing import Any

from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, OrdinalEncoder, StandardScaler

from benchmarks.coverage import tables
from benchmarks.coverage.estimators import SEVERAL_TARGETS, made, names
from benchmarks.coverage.panel_pipeline import PanelPipeline, fitted
from benchmarks.coverage.preprocessing import filled_and_bounded, prepared
from delivery.recipe import Recipe

WITHOUT_NEGATIVES = {"ComplementNB", "MultinomialNB", "CategoricalNB"}
# Those for two classes alone.
OF_TWO_CLASSES = {"FixedThresholdClassifier", "TunedThresholdClassifierCV"}
# Those that people leave numbers unscaled for.
OF_TREES = {
    "AdaBoostClassifier",
    "BaggingClassifier",
    "DecisionTreeClassifier",
    "DummyClassifier",
    "ExtraTreeClassifier",
    "ExtraTreesClassifier",
    "GradientBoostingClassifier",
    "HistGradientBoostingClassifier",
    "RandomForestClassifier",
}


def pipelines() -> Iterator[PanelPipeline]:
    """Two of most classes."""
    for name in names("classifier"):
        if name in SEVERAL_TARGETS:
            continue

        yield PanelPipeline(f"{name} with gaps", "classifiers", partial(_with_gaps, name))
        if name not in OF_TWO_CLASSES:
            build = partial(_of_several_classes, name)
            yield PanelPipeline(f"{name} of four classes", "several classes", build)


def _with_gaps(name: str) -> Recipe:
    table = tables.gaps()
    numbers = None
    if name in WITHOUT_NEGATIVES:
        numbers = filled_and_bounded()

    first = prepared(table.frame, numbers)
    if name == "CategoricalNB":
        first = _numbered_categories()

    return fitted(make_pipeline(first, made(name)), table, table.binary)


def _numbered_categories() -> Any:
    """The categories as numbers, as this classifier alone takes them."""
    filled = make_pipeline(SimpleImputer(strategy="most_frequent"), OrdinalEncoder())
    return ColumnTransformer([("categories", filled, ["plan", "active"])])


def _of_several_classes(name: str) -> Recipe:
    """On unscaled integers for trees, on scaled ones for all others."""
    table, model = tables.integers(), made(name)
    if name == "CategoricalNB":
        few = ColumnTransformer([("few", OrdinalEncoder(), ["rooms"])])
        return fitted(make_pipeline(few, model), table, table.several)

    if name in OF_TREES:
        pipeline = make_pipeline(model)
    elif name in WITHOUT_NEGATIVES:
        pipeline = make_pipeline(MinMaxScaler(clip=True), model)
    else:
        pipeline = make_pipeline(StandardScaler(), model)

    target = table.several
    if name == "SelfTrainingClassifier":
        # It takes no array of numpy's own texts.
        target = target.astype(object)

    return fitted(pipeline, table, target)
