"""The Procfile's commands, split without a shell."""

import shlex
import sys
from pathlib import Path

from deployment.workspace.errors import Misconfigured
from deployment.workspace.text_file import read_text

KINDS = ("router", "service")


def command(path: Path, kind: str, folder: Path | None = None) -> list[str]:
    """The arguments of a process kind.

    folder: of an environment's programs; by default that of this Python. The program is taken from
    there where it has one.
    """
    try:
        arguments = shlex.split(written(path, kind))
    except ValueError as error:
        raise Misconfigured(
            f"{path}: the command of {kind} cannot be split ({error}): close its quotes"
        ) from error

    folder = folder or Path(sys.executable).parent
    return [_resolved(arguments[0], folder), *arguments[1:]]


def written(path: Path, kind: str) -> str:
    """The command of a process kind as it is written, for a shell."""
    from honcho.environ import parse_procfile

    try:
        commands = parse_procfile(read_text(path, "restore it", "save it as UTF-8")).processes
    except FileNotFoundError as error:
        raise Misconfigured(f"{path} cannot be read ({error.strerror}): restore it") from error
    except AssertionError as error:
        raise Misconfigured(f"{path} names a process twice: keep one line a process") from error

    if kind not in commands:
        raise Misconfigured(f"{path} has no line `{kind}: ...`: restore it")

    return str(commands[kind])


def _resolved(program: str, folder: Path) -> str:
    beside = folder / program
    if "/" not in program and beside.exists():
        return str(beside)
    return program
