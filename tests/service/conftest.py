"""Real bundles, delivered once and when first asked for, and the real app on each."""

import functools
import shutil

import pytest

from service.app import create_app
from service.bundle import verify_bundle
from tests.delivery.delivery_harness import DeliveryHarness
from tests.service.service_client import client, config
from tests.shared_folder import filled, shared_folder


@pytest.fixture(scope="session")
def harness(tmp_path_factory, worker_id):
    """The harness of all bundles, whose folder the runners share."""
    folder = shared_folder(tmp_path_factory, worker_id, "loan-bundles")
    with pytest.MonkeyPatch.context() as patch:
        # Nobody reads the latencies of these bundles.
        patch.setattr("delivery.proof.evaluation.REPEATS", 3)
        yield DeliveryHarness(folder)


@pytest.fixture(scope="session")
def delivered(harness):
    """delivered(name): the folder of the delivered loan recipe of that name; only to be read."""

    @functools.cache
    def path_of(name):
        filled(harness.folder, lambda: harness.deliver(name, name), name)
        return harness.releases / name

    return path_of


@pytest.fixture
def copy(delivered, tmp_path):
    """copy(name): a bundle of one's own, to be broken."""
    return lambda name: shutil.copytree(delivered(name), tmp_path / name)


@pytest.fixture(scope="session")
def bundle(harness, delivered):
    """bundle(name): the verified bundle."""
    return functools.cache(lambda name: verify_bundle(delivered(name), harness.public))


@pytest.fixture(scope="session")
def served(harness, delivered):
    """served(name, runtime=None): a client of the app, bearing the secret."""

    @functools.cache
    def made(name, runtime=None):
        return client(create_app(config(delivered(name), harness.public, runtime=runtime)))

    return made
