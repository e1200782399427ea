"""gunicorn as forks of one process that has imported it and the router."""

import sys
from collections.abc import Sequence

from tests.fork_server import ForkServer

LOADED = (
    "gunicorn.app.wsgiapp",
    "gunicorn.workers.gthread",
    "router.app",
    "sqlalchemy.dialects.sqlite.pysqlite",
    "wire.observability.logs",
    "wire.worker",
)
GUNICORN = ForkServer(__name__)
"""Of this run, until its end (tests/conftest.py)."""


def run(words: Sequence[str]) -> None:
    """Be `python -m gunicorn` with these words."""
    from gunicorn.app.wsgiapp import run as run_gunicorn

    sys.argv = ["gunicorn", *words]
    run_gunicorn()
