"""Finds out what a version is delivered from, and loads it: one entry for all kinds."""

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from delivery.errors import DeliveryError
from delivery.inputs.local_modules import modules_in
from delivery.inputs.samples import read_sample
from delivery.recipe import OUTPUTS, Recipe, Source, checked
from delivery.request import Report
from delivery.sources.mlflow_model import MLMODEL, MlflowModel, is_mlflow_model, read_mlflow_model
from delivery.sources.pickle_file import PICKLES, load_pickle, looks_pickled
from delivery.sources.recipe_file import build_recipe
from delivery.sources.requirements import unmet
from delivery.sources.skops_file import SUFFIX, load_skops
from service.runtimes.outputs import PREDICT, PROBABILITIES, TRANSFORM

KINDS = (
    f"a recipe (.py with build()), a pickled pipeline ({', '.join(PICKLES)}), a skops file "
    f"({SUFFIX}) or an MLflow model folder (with a file {MLMODEL})"
)
# What is served where nobody says it: the first of these that the pipeline has.
PREFERRED = (PROBABILITIES, PREDICT, TRANSFORM)


def load_source(
    path: Path,
    sample: Path | None = None,
    label: str | None = None,
    report: Report = lambda _line: None,
    outputs: Sequence[str] = (),
    trusted: Sequence[str] = (),
) -> Source:
    """The recipe of a source of any kind; raises DeliveryError.

    sample, label: the rows of a pipeline without a recipe, and their column with the truth.
    outputs: what is served of it. trusted: types that a skops file may hold.
    """
    if is_mlflow_model(path):
        return _from_mlflow(path, sample, label, report, outputs, trusted)

    _require_file(path)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    if path.suffix == ".py":
        _refuse_with_recipe(sample, outputs)
        return Source(checked(build_recipe(path), path), "recipe", path, digest)

    kind, pipeline = _pipeline(path, sample, trusted)
    assert sample is not None
    frame, labels = read_sample(sample, pipeline, label, report)
    recipe = Recipe(pipeline, frame, labels, _served(pipeline, outputs))
    return Source(checked(recipe, path), kind, path, digest)


@contextmanager
def modules_of(path: Path) -> Iterator[None]:
    """Let a source import its modules: those beside its file, or in an MLflow model's code."""
    folder = path.resolve().parent
    if is_mlflow_model(path):
        folder = read_mlflow_model(path).code

    with modules_in(folder):
        yield


def requirements_of(path: Path) -> tuple[str, ...]:
    """What an MLflow model folder asks for, as pip reads it; nothing of other sources."""
    if is_mlflow_model(path):
        return read_mlflow_model(path).requirements()

    return ()


def _pipeline(path: Path, sample: Path | None, trusted: Sequence[str]) -> tuple[str, Any]:
    """The kind of a file without a recipe, and its pipeline."""
    kind = "skops" if path.suffix == SUFFIX else "pickle"
    if kind == "pickle" and not looks_pickled(path):
        raise DeliveryError(f"{path} is none of these: {KINDS}")

    if sample is None:
        raise DeliveryError(
            f"{path} is a {kind}: add --sample with rows it has not seen (.parquet or .csv)"
        )

    if kind == "skops":
        return kind, load_skops(path, trusted)

    return kind, load_pickle(path)


def _require_file(path: Path) -> None:
    if path.is_file():
        return

    what = "is a folder without MLmodel" if path.is_dir() else "is not there"
    raise DeliveryError(f"{path} {what}: give {KINDS}")


def _refuse_with_recipe(sample: Path | None, outputs: Sequence[str]) -> None:
    if sample is not None:
        raise DeliveryError("--sample goes with a pickle; a recipe brings its own held-out rows")
    if outputs:
        raise DeliveryError("--output goes with a pickle; a recipe says it by Recipe(output=...)")


def _served(pipeline: Any, outputs: Sequence[str]) -> str | tuple[str, ...]:
    if outputs:
        return tuple(outputs)

    for name in PREFERRED:
        if hasattr(pipeline, name):
            return name

    # What follows says what it lacks.
    return PREDICT


def _from_mlflow(
    path: Path,
    sample: Path | None,
    label: str | None,
    report: Report,
    outputs: Sequence[str],
    trusted: Sequence[str],
) -> Source:
    model = read_mlflow_model(path)
    for sentence in unmet(model.requirements()):
        report(f"warning: {sentence}: the version gets what is installed here")

    pipeline = model.load(trusted)
    if sample is None:
        frame, labels = model.example(label, report), None
        if label is not None:
            labels = frame.pop(label)
    else:
        frame, labels = read_sample(sample, pipeline, label, report)

    frame = model.typed(frame, pipeline)
    recipe = Recipe(pipeline, frame, labels, _mlflow_served(model, pipeline, outputs))
    return Source(
        checked(recipe, path), "mlflow", path, model.digest(), model.requirements(), model.code
    )


def _mlflow_served(
    model: MlflowModel, pipeline: Any, outputs: Sequence[str]
) -> str | tuple[str, ...]:
    """What is asked for, else what MLflow itself would call."""
    if not outputs and model.predict_method in OUTPUTS and hasattr(pipeline, model.predict_method):
        return model.predict_method

    return _served(pipeline, outputs)
