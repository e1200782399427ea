"""Predicts units on Dask: reaches a cluster, and sees that its workers are alike."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress

from distributed import Client

from batch.cluster.connection import cluster_at, own_cluster, require_listener
from batch.cluster.unit_call import forget, model_key
from batch.cluster.unit_queue import UnitQueue
from batch.cluster.worker_facts import WorkerFacts, differences, refusal, worker_facts
from batch.errors import BatchError
from batch.job import BatchJob
from batch.model import BatchModel
from batch.unit_engine import UnitEngine, WorkerSettings
from environments.sluice_packages import RUNTIMES

__all__ = ["dask_engine", "require_listener"]
FIRST_WORKER_S = 30.0
SHOWN = 5


@contextmanager
def dask_engine(
    job: BatchJob, settings: WorkerSettings, model: BatchModel, tell: Callable[[str], None]
) -> Iterator[UnitEngine]:
    """The engine of a job; raises BatchError where its cluster cannot predict.

    tell: hears of workers that are lost.
    """
    cluster = own_cluster(job.processes)
    if job.scheduler is not None:
        cluster = cluster_at(job.scheduler)

    with cluster as client:
        facts = worker_facts(_packages(model))
        _require_workers(client, job.scheduler)
        _require_alike(client, facts, _packages(model))
        try:
            yield UnitQueue(client, settings, facts, tell)
        finally:
            # Their memory is not ours; a worker that is gone has none.
            with suppress(Exception):
                client.run(forget, model_key(settings), on_error="ignore")


def _packages(model: BatchModel) -> list[str]:
    """What predictions depend on, beside what every version needs."""
    packages = list(RUNTIMES[model.model.name])
    if model.model.name == "sklearn":
        packages += model.bundle.manifest.requirements

    return packages


def _require_workers(client: Client, scheduler: str | None) -> None:
    try:
        client.wait_for_workers(1, timeout=FIRST_WORKER_S)
    except TimeoutError as error:
        raise BatchError(
            f"the scheduler {scheduler or ''} has no worker: start some in Sluice's folder with "
            f"`dask worker {scheduler or 'SCHEDULER'} --nthreads 1`"
        ) from error


def _require_alike(client: Client, facts: WorkerFacts, packages: Sequence[str]) -> None:
    """Raise BatchError naming workers that have other packages, or not Sluice's code."""
    answers = client.run(worker_facts, packages, on_error="return")
    refusals = []
    for address, others in sorted(answers.items()):
        if isinstance(others, BaseException):
            refusals.append(_cannot_answer(address, others))
        elif unlike := differences(facts, others):
            refusals.append(refusal(address, unlike))

    if refusals:
        more = len(refusals) - SHOWN
        rest = f"; and {more} more workers" if more > 0 else ""
        raise BatchError("; ".join(refusals[:SHOWN]) + rest)


def _cannot_answer(address: str, error: BaseException) -> str:
    return (
        f"worker {address} cannot run Sluice ({error}): start it in Sluice's folder, or with "
        f"PYTHONPATH set to it"
    )
