"""Loan bundles, delivered once for all runners, and batch runs in this process."""

import functools
from contextlib import contextmanager

import pytest

from tests.batch.batch_harness import BatchHarness, TypedHarness
from tests.delivery.delivery_harness import DeliveryHarness
from tests.delivery.few_probes import fewer_probes
from tests.shared_folder import filled, shared_folder


@pytest.fixture(scope="session")
def bundles(tmp_path_factory, worker_id):
    """bundles(name): the folder of the delivered loan recipe, and the key it is trusted by."""
    folder = shared_folder(tmp_path_factory, worker_id, "loan-bundles")
    harness = DeliveryHarness(folder)
    with few_repeats():
        yield delivered_once(folder, harness, lambda name: harness.deliver(name, name))


def delivered_once(folder, harness, deliver):
    """A function that delivers a name where that was not done yet, and says where it is."""

    def quickly(name):
        # How many rows these bundles are proved on is no matter of the tests that read them.
        with fewer_probes():
            deliver(name)

    @functools.cache
    def path_of(name):
        filled(folder, lambda: quickly(name), name)
        return harness.releases / name, harness.public

    return path_of


@contextmanager
def few_repeats():
    """Nobody reads the latencies of these bundles."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("delivery.proof.evaluation.REPEATS", 3)
        yield


@pytest.fixture(scope="session")
def bundles_of(tmp_path_factory, worker_id):
    """bundles_of(module): the same for the recipes of a module."""

    def of(module):
        folder = shared_folder(tmp_path_factory, worker_id, module.rpartition(".")[2])
        harness = DeliveryHarness(folder)

        def deliver(name):
            text = f"from {module} import {name} as build\n"
            harness.deliver(harness.recipe(name, text), name)

        return delivered_once(folder, harness, deliver)

    with few_repeats():
        yield functools.cache(of)


@pytest.fixture
def batch(bundles, tmp_path):
    """A batch harness for one test."""
    return BatchHarness(tmp_path, bundles)


@pytest.fixture
def typed(bundles_of, tmp_path):
    """The same for pipelines on columns of other kinds."""
    return TypedHarness(tmp_path, bundles_of("tests.delivery.typed_pipelines"))
