"""Bundles are delivered once; each test gets a town of its own, which is brought down afterwards."""

import shutil

import pytest

from tests.e2e.town import Town
from tests.postgres import postgres_server, postgres_url

__all__ = ["postgres_server", "postgres_url"]


@pytest.fixture(scope="session")
def delivered(tmp_path_factory):
    """A folder with the keys and the bundles of v1, v2 and v3."""
    town = Town(tmp_path_factory.mktemp("delivered"))
    town.deliver("v1", "v2", "v3")
    return town.folder


@pytest.fixture
def town(delivered, tmp_path):
    """A town with the three bundles delivered and nothing running."""
    for part in ("releases", "keys"):
        shutil.copytree(delivered / part, tmp_path / part)
    made = Town(tmp_path)
    yield made
    made.run("down", check=False)
