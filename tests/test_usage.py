"""What is typed wrong is told in one line that can be followed."""

import subprocess
import sys

import pytest


def typed(*words: str) -> tuple[int, str]:
    """Exit code, and what was said on standard error."""
    done = subprocess.run(
        [sys.executable, "deploy.py", *words],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    return done.returncode, done.stderr.strip()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (
            ["deliverr"],
            "✖ No such command 'deliverr'. Did you mean 'deliver'? `python deploy.py --help` "
            "lists the verbs",
        ),
        (["promote"], "✖ Missing argument 'version': `python deploy.py promote --help` tells"),
        ([], ""),
    ],
)
def test_what_is_typed_wrong_names_a_command_that_exists(words: list[str], said: str) -> None:
    assert typed(*words) == (2, said)
