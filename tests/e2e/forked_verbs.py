"""Verbs of `deploy.py` as forks of one process that has imported it already.

A test that is about the start or the end of the program itself starts it (StackHarness.start).
"""

import os
import sys
from collections.abc import Sequence
from subprocess import TimeoutExpired
from tempfile import TemporaryFile
from typing import BinaryIO, NamedTuple

from tests.fork_server import ForkServer

# What nearly every verb imports and starts no thread, which a fork would lose.
LOADED = (
    "deploy",
    "cli.render.status",
    "deployment.commands.stack",
    "deployment.commands.verbs",
    "deployment.workspace.interrupts",
    "sqlalchemy.dialects.sqlite.pysqlite",
)


class VerbEnd(NamedTuple):
    """How a verb ended. err: its errors, where they are apart from what it printed."""

    code: int
    out: str
    err: str


class ForkedVerbs(ForkServer):
    """Runs verbs to their end."""

    def run(
        self,
        words: Sequence[str],
        env: dict[str, str],
        errors_apart: bool = True,
        timeout_s: float = 300,
    ) -> VerbEnd:
        """Run a verb to its end."""
        # Into files, which take any length, and which what the verb leaves running may keep.
        with TemporaryFile() as out, TemporaryFile() as err:
            verb = self.start(words, env, out.fileno(), (err if errors_apart else out).fileno())
            try:
                code = verb.wait(timeout_s)
            except TimeoutExpired:
                verb.kill()
                verb.wait(timeout_s)
                raise

            return VerbEnd(code, _all_of(out), _all_of(err))


def _all_of(file: BinaryIO) -> str:
    return os.pread(file.fileno(), os.fstat(file.fileno()).st_size, 0).decode()


VERBS = ForkedVerbs(__name__)
"""Of this run, until its end (tests/conftest.py)."""


def run(words: Sequence[str]) -> None:
    """Be the program with these words."""
    from deploy import main

    sys.argv = ["deploy.py", *words]
    main()
