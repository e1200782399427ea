"""Two emulators for all tests: one with the platform's own limits, one that allows processes a
tenth of them.
"""

import os
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from emulator.checks import schema_file
from tests.emulator.emulator_harness import ROOT, Heroku, start, stop

NO_SCHEMA = (
    "Heroku's schema.json is not here (HEROKU_SCHEMA, ../shared/heroku/) and cannot be downloaded"
)


@pytest.fixture(scope="session")
def schema() -> Path | None:
    """Heroku's published schema, or None."""
    for path in (
        Path(os.environ.get("HEROKU_SCHEMA") or "/none"),
        ROOT.parent / "shared" / "heroku" / "schema.json",
    ):
        if path.is_file():
            return path

    if schema_file.cached().is_file():
        return schema_file.cached()

    try:
        return schema_file.fetch()
    except (httpx.HTTPError, OSError):
        return None


@pytest.fixture(scope="session")
def heroku(schema: Path | None) -> Iterator[Heroku]:
    """The platform's waits pass 600 times faster; nothing that our clients did may break the
    schema.
    """
    running = start(schema, "--speed", "600")
    yield running
    account = running.account()
    assert stop(running) == 0
    assert account["failures"] == []


@pytest.fixture(scope="session")
def hurried(schema: Path | None) -> Iterator[Heroku]:
    """Boot within 6 s, first byte within 3 s, shutdown within 3 s."""
    running = start(schema, "--speed", "600", "--hurry", "10")
    yield running
    assert stop(running) == 0


@pytest.fixture
def needs_schema(schema: Path | None) -> Path:
    """Skips where the schema cannot be had."""
    if schema is None:
        pytest.skip(NO_SCHEMA)
    return schema
