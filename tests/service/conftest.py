"""Real bundles, delivered once and when first asked for, and the real app on each."""

import fcntl
import functools
import shutil

import pytest

from service.app import create_app
from service.bundle import verify_bundle
from tests.delivery.delivery_harness import DeliveryHarness
from tests.service.service_client import client, config


@pytest.fixture(scope="session")
def harness(tmp_path_factory, worker_id):
    """The harness of all bundles, whose folder the runners share."""
    base = tmp_path_factory.getbasetemp()
    folder = (base if worker_id == "master" else base.parent) / "loan-bundles"
    folder.mkdir(exist_ok=True)
    with pytest.MonkeyPatch.context() as patch:
        # Nobody reads the latencies of these bundles.
        patch.setattr("delivery.proof.evaluation.REPEATS", 3)
        yield DeliveryHarness(folder)


@pytest.fixture(scope="session")
def delivered(harness):
    """delivered(name): the folder of the delivered loan recipe of that name; only to be read."""

    @functools.cache
    def path_of(name):
        with (harness.folder / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            path = harness.releases / name
            return path if path.exists() else harness.deliver(name, name).path

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
