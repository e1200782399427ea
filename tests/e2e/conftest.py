"""Bundles are delivered once a run; what leaves a stack whole shares one with its module, the rest
gets its own.
"""

import shutil
from pathlib import Path

import pytest

from tests.e2e.stack_harness import StackHarness
from tests.postgres import postgres_server, postgres_url
from tests.shared_folder import filled, shared_folder

__all__ = ["postgres_server", "postgres_url"]


@pytest.fixture(scope="session")
def delivered(tmp_path_factory, worker_id):
    """A folder with the keys and the bundles of v1, v2 and v3, delivered by the runner that needs
    it first.
    """
    folder = shared_folder(tmp_path_factory, worker_id, "delivered")
    return filled(folder, lambda: StackHarness(folder).deliver("v1", "v2", "v3"))


def new_stack(delivered: Path, folder: Path, **more: str) -> StackHarness:
    """A stack with the three bundles delivered and nothing running."""
    for part in ("releases", "keys"):
        shutil.copytree(delivered / part, folder / part)
    return StackHarness(folder, more)


@pytest.fixture
def stack(delivered, tmp_path):
    """A stack of the test's own, with the three bundles delivered and nothing running."""
    made = new_stack(delivered, tmp_path)
    yield made
    made.run("down", check=False)


@pytest.fixture(scope="module")
def _module_stack(delivered, tmp_path_factory):
    made = new_stack(delivered, tmp_path_factory.mktemp("shared_stack"))
    made.up("v1", "v2", "v3")
    yield made
    made.run("down")


@pytest.fixture
def shared_stack(_module_stack):
    """The module's stack: v1 released, v2 and v3 deployed, no rollout; a test may do with it what a
    verb can undo.
    """
    _module_stack.reset()
    return _module_stack
