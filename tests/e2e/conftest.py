"""Bundles are delivered once a run; what leaves a stack whole shares one with its module, the rest
gets its own.
"""

import fcntl
import shutil
from pathlib import Path

import pytest

from tests.e2e.stack_harness import StackHarness
from tests.postgres import postgres_server, postgres_url

__all__ = ["postgres_server", "postgres_url"]


@pytest.fixture(scope="session")
def delivered(tmp_path_factory, worker_id):
    """A folder with the keys and the bundles of v1, v2 and v3, delivered by the runner that needs
    it first.
    """
    base = tmp_path_factory.getbasetemp()
    folder = (base if worker_id == "master" else base.parent) / "delivered"
    folder.mkdir(exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "done").exists():
            StackHarness(folder).deliver("v1", "v2", "v3")
            (folder / "done").touch()

    return folder


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
