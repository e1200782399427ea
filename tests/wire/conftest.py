"""A loop for the tests that need no network, and servers for those that do."""

import asyncio

import pytest

from tests.wire.processes import OWN, gunicorn


@pytest.fixture(scope="package")
def loop():
    """A real loop. A test lets it turn; nothing else runs in it."""
    made = asyncio.new_event_loop()
    yield made
    made.close()


@pytest.fixture(scope="package")
def served(tmp_path_factory):
    """A worker with connections, for tests that break nothing."""
    with gunicorn(tmp_path_factory.mktemp("connections")) as made:
        yield made


@pytest.fixture(scope="package")
def plain(tmp_path_factory):
    """The same app behind gunicorn's own worker."""
    with gunicorn(tmp_path_factory.mktemp("own"), worker_class=OWN) as made:
        yield made
