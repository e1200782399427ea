"""Verbs of `deploy.py` as forks of one process that has imported it already.

A test that is about the start or the end of the program itself starts it (StackHarness.start).
"""

import os
import sys
from collections.abc import Sequence
from subprocess import TimeoutExpired

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


class ForkedVerbs(ForkServer):
    """Runs verbs to their end."""

    def run(
        self,
        words: Sequence[str],
        env: dict[str, str],
        err: int | None = None,
        timeout_s: float = 300,
    ) -> tuple[int, str]:
        """A verb's exit code and what it printed, with its errors if `err` does not take them."""
        read, write = os.pipe()
        verb = self.start(words, env, write, write if err is None else err)
        os.close(write)
        with open(read, encoding="utf-8") as output:
            try:
                code = verb.wait(timeout_s)
            except TimeoutExpired:
                verb.kill()
                verb.wait(timeout_s)
                raise

            # What the verb left running may still hold the pipe, as with any program.
            return code, output.read()


VERBS = ForkedVerbs(__name__)
"""Of this run, until its end (tests/conftest.py)."""


def run(words: Sequence[str]) -> None:
    """Be the program with these words."""
    from deploy import main

    sys.argv = ["deploy.py", *words]
    main()
