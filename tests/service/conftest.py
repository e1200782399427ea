"""Real bundles, delivered once and when first asked for, and the real app on each."""

import functools
import shutil

import pytest

from service.app import create_app
from service.bundle import verify_bundle
from tests.delivery.delivery_harness import Workshop
from tests.service.service_client import client, config


@pytest.fixture(scope="session")
def workshop(tmp_path_factory):
    """The workshop of all bundles."""
    with pytest.MonkeyPatch.context() as patch:
        # Nobody reads the latencies of these bundles.
        patch.setattr("delivery.proof.evaluation.REPEATS", 3)
        yield Workshop(tmp_path_factory.mktemp("workshop"))


@pytest.fixture(scope="session")
def delivered(workshop):
    """delivered(name): the folder of the delivered loan recipe of that name; only to be read."""
    return functools.cache(lambda name: workshop.deliver(name, name).path)


@pytest.fixture
def copy(delivered, tmp_path):
    """copy(name): a bundle of one's own, to be broken."""
    return lambda name: shutil.copytree(delivered(name), tmp_path / name)


@pytest.fixture(scope="session")
def bundle(workshop, delivered):
    """bundle(name): the verified bundle."""
    return functools.cache(lambda name: verify_bundle(delivered(name), workshop.public))


@pytest.fixture(scope="session")
def served(workshop, delivered):
    """served(name, runtime=None): a client of the app, bearing the secret."""

    @functools.cache
    def made(name, runtime=None):
        return client(create_app(config(delivered(name), workshop.public, runtime=runtime)))

    return made
