"""Output and exit codes: an expected error is one red line or one JSON object, and a bug keeps its
traceback.
"""

import json
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cli.output import print_line, printable
from deployment.workspace.errors import (
    BadOption,
    ContractBroken,
    EdgeFailure,
    Interrupted,
    NotReadyInTime,
)
from rollout.errors import Breaking, Refusal

if TYPE_CHECKING:
    from deployment.commands.run_verb import Done

DONE, REFUSED, USAGE, UNDECIDED, DEADLINE, ROLLED_BACK, BROKEN = range(7)
INTERRUPTED = 130
UNTOUCHED = "interrupted: nothing was recorded and no traffic moved"


def _lines(text: str) -> str:
    """The text with its line breaks, and every other control character as an escape."""
    return "\n".join(map(printable, text.split("\n")))


@dataclass(frozen=True)
class Out:
    """Prints lines for people, or with `--json` one object on standard output and lines on stderr.

    An act goes on when its reader has gone (`| head -1`) or the disk is full."""

    as_json: bool

    def say(self, line: str) -> None:
        """A line of progress."""
        print_line(_lines(line), sys.stderr if self.as_json else sys.stdout)

    def result(self, value: dict[str, Any], *lines: str) -> None:
        """Print what an act did: the value as JSON, or the lines."""
        if self.as_json:
            print_line(json.dumps(value, default=str), sys.stdout)
            return

        for line in lines:
            print_line(_lines(line), sys.stdout)

    def done(self, done: "Done") -> None:
        """Print an act, its revision, and the command that undoes it."""
        if not done.changed:
            self.result(asdict(done), f"{done.act}: {done.summary}, nothing to do")
            return

        line = f"✔ {done.act}: {done.summary} (revision {done.revision}, {done.seconds:.2f} s)"
        self.result(asdict(done), line, f"  undo: {done.undo}")

    def delivered(
        self,
        version: str,
        path: Path,
        digest: str,
        fresh: bool,
        runtime: Any,
        metrics: dict[str, float],
    ) -> None:
        """Print a bundle that was packed. runtime: as its manifest has it; fresh: it is new."""
        value = {
            "act": "deliver",
            "version": version,
            "path": str(path),
            "digest": digest,
            "fresh": fresh,
            "runtime": runtime.certified,
            "runtime_reason": runtime.reason,
            "metrics": metrics,
        }
        word = "delivered" if fresh else "was delivered already with the same content"
        lines = [f"✔ {version} {word}: {path}", f"  runtime {runtime.certified} ({runtime.reason})"]
        if metrics:
            shown = ", ".join(f"{name} {number:.4g}" for name, number in metrics.items())
            lines.append(f"  {shown}")

        self.result(value, *lines, f"  next: python deploy.py deploy {version}")

    def exported(self, exported: dict[str, Any]) -> None:
        """Print a folder that was exported, and on which runtimes it is certified."""
        size = f"{exported['megabytes']:.1f} MB"
        lines = [f"✔ {exported['version']} exported: {exported['path']} ({size})"]
        for runtime, run in exported["certified"].items():
            rows = f"{run['rows']:,} held-out rows"
            lines.append(f"  certified on {runtime} {run['version']}: {rows}")

        for runtime, why in exported["left_out"].items():
            lines.append(f"  not certified on {runtime}: {why}")

        check = f"python deploy.py export --verify {exported['path']}"
        self.result(exported, *lines, f"  check it anywhere: {check}")

    def refused(self, message: str) -> None:
        """Print why an act was refused, and the next step."""
        if self.as_json:
            print_line(json.dumps({"error": message, "next": next_step(message)}), sys.stdout)
            return

        line = _lines(f"✖ {message}")
        if sys.stderr is not None and sys.stderr.isatty():
            line = f"\033[31m{line}\033[0m"

        print_line(line, sys.stderr)


def next_step(message: str) -> str:
    """The command that a message proposes, empty where it proposes none."""
    for command in re.findall(r"`([^`]+)`", message):
        if command.startswith("python deploy.py"):
            return str(command)
    return ""


@contextmanager
def exit_on_error(as_json: bool) -> Iterator[Out]:
    """Run an act; an expected error is printed in one line and ends the program with its code."""
    from store.errors import LedgerBroken, StoreError

    out = Out(as_json)
    try:
        yield out
        return
    except KeyboardInterrupt:
        code, message = INTERRUPTED, UNTOUCHED
    except Interrupted as error:
        code, message = INTERRUPTED, str(error)
    except (ContractBroken, LedgerBroken, Breaking) as error:
        code, message = BROKEN, str(error)
    except NotReadyInTime as error:
        code, message = DEADLINE, str(error)
    except BadOption as error:
        code, message = USAGE, str(error)
    except (Refusal, EdgeFailure, StoreError) as error:
        code, message = REFUSED, str(error)
    except OSError as error:
        if error.filename is None:
            raise

        code = REFUSED
        message = (
            f"{error.filename} cannot be used: {error.strerror}. See that this user may use it"
        )

    out.refused(message)
    raise SystemExit(code)
