"""One harness for the tests that break nothing, fresh ones for those that do."""

import pytest

from tests.postgres import postgres_server, postgres_url
from tests.router.router_harness import router_harness

__all__ = ["postgres_server", "postgres_url"]


@pytest.fixture(scope="package")
def pair(tmp_path_factory):
    """v1 released at 90 %, v2 serving 10 %, v3 deployed; two router workers; short limits."""
    settings = """
[router]
workers = 2
[router.limits]
deadline_ms = 12000
version_timeout_ms = 2000
max_body_bytes = 200000
max_rows = 100
"""
    with router_harness(tmp_path_factory.mktemp("pair"), settings=settings, workers=2) as made:
        made.know(made.version("v1", "[0,1]"), made.version("v2", "[0,1]"), made.version("v3"))
        made.split({"v1": 9000, "v2": 1000})
        made.router()
        yield made


@pytest.fixture
def fresh(tmp_path):
    """A harness to be broken: nothing runs yet."""
    with router_harness(tmp_path) as made:
        yield made
