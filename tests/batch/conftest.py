"""Loan bundles, delivered once for all runners, and batch runs in this process."""

import functools

import pytest

from tests.batch.batch_harness import BatchHarness
from tests.delivery.delivery_harness import DeliveryHarness
from tests.shared_folder import filled, shared_folder


@pytest.fixture(scope="session")
def bundles(tmp_path_factory, worker_id):
    """bundles(name): the folder of the delivered loan recipe, and the key it is trusted by."""
    folder = shared_folder(tmp_path_factory, worker_id, "loan-bundles")
    harness = DeliveryHarness(folder)

    @functools.cache
    def path_of(name):
        filled(folder, lambda: harness.deliver(name, name), name)
        return harness.releases / name, harness.public

    with pytest.MonkeyPatch.context() as patch:
        # Nobody reads the latencies of these bundles.
        patch.setattr("delivery.proof.evaluation.REPEATS", 3)
        yield path_of


@pytest.fixture
def batch(bundles, tmp_path):
    """A batch harness for one test."""
    return BatchHarness(tmp_path, bundles)
