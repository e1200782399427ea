"""What a worker of Dask is asked: one unit. Its process verifies and loads the bundle once."""

import threading
from collections.abc import Callable
from typing import Any

from distributed import get_worker

from batch.cluster.worker_facts import WorkerFacts, differences, refusal, worker_facts
from batch.errors import BatchError
from batch.model import BatchModel, load
from batch.outputs.disk_folder import DiskFolder
from batch.predict_unit import Task, UnitResult
from batch.unit_engine import WorkerSettings, predictor_of

ModelKey = tuple[str, str, str | None]
_one_at_a_time = threading.Lock()
"""A model belongs to one thread, and a worker may have several."""
_loaded: dict[ModelKey, BatchModel] = {}


class UnitCall:
    """A call of `predict_on_worker`, which is made where its pickle is read.

    So the scheduler sees bytes alone: it reads what it passes on, and needs no Sluice.
    """

    def __init__(self, settings: WorkerSettings, facts: WorkerFacts, task: Task) -> None:
        self._arguments = settings, facts, task

    def __reduce__(self) -> tuple[Callable[..., UnitResult], tuple[Any, ...]]:
        return predict_on_worker, self._arguments


def predict_on_worker(settings: WorkerSettings, facts: WorkerFacts, task: Task) -> UnitResult:
    """Predict a unit; raises BatchError where this worker may not or cannot. facts: of who asks."""
    with _one_at_a_time:
        model = _loaded.get(model_key(settings))
        if model is None:
            _require_equal(facts)
            _require_same_folder(settings)
            model = _load(settings)

        return predictor_of(model, settings).predict(*task)


def model_key(settings: WorkerSettings) -> ModelKey:
    """By which a loaded bundle is known."""
    return settings.digest, settings.bundle, settings.runtime


def forget(key: ModelKey) -> None:
    """Let go of a bundle, once its run is done."""
    _loaded.pop(key, None)


def _load(settings: WorkerSettings) -> BatchModel:
    try:
        model = load(settings.bundle, settings.public_key, settings.runtime)
    except BatchError as error:
        raise BatchError(
            f"worker {get_worker().address} cannot load the bundle: {error} (the folder of "
            f"deliveries and its key have to be at the same path for all workers)"
        ) from error

    if model.bundle.digest != settings.digest:
        raise BatchError(
            f"worker {get_worker().address} has another bundle in {settings.bundle} "
            f"({model.bundle.digest[:12]}…, here {settings.digest[:12]}…): copy it again"
        )

    # One is enough: its memory is the worker's.
    _loaded.clear()
    _loaded[model_key(settings)] = model
    return model


def _require_equal(facts: WorkerFacts) -> None:
    packages = [name for name in facts if name not in ("Python", "Sluice")]
    unlike = differences(facts, worker_facts(packages))
    if unlike:
        raise BatchError(refusal(get_worker().address, unlike))


def _require_same_folder(settings: WorkerSettings) -> None:
    folder = settings.parts.folder
    if isinstance(folder, DiskFolder) and not folder.path.is_dir():
        raise BatchError(
            f"worker {get_worker().address} does not see {folder.address}: give --out a folder "
            f"that all workers share, or an object store's address such as s3://bucket/predictions"
        )
