"""Stages for the tests of the operator's edge; whatever runs on one is ended with the test."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from targets.local.stack import up
from tests.deployment.project_harness import ProjectHarness
from tests.postgres import postgres_server, postgres_url

__all__ = ["postgres_server", "postgres_url"]


@pytest.fixture(scope="session", autouse=True)
def _bytecode(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """The tests' processes keep their bytecode for each other, outside the project."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPYCACHEPREFIX", str(tmp_path_factory.mktemp("bytecode")))
        yield


@pytest.fixture
def project(tmp_path: Path) -> Iterator[ProjectHarness]:
    """An empty project of its own."""
    made = ProjectHarness(tmp_path / "pro ject 100%")
    yield made
    made.end()


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ProjectHarness]:
    """A stack that is up, with v1 and v2 delivered; shared by the tests of a module."""
    made = ProjectHarness(tmp_path_factory.mktemp("running") / "pro ject 100%")
    made.deliver("v1")
    made.deliver("v2")
    up(made.workspace(), made.said.append)
    yield made
    made.end()
