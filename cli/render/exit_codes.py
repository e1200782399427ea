"""Exit codes, and how a refusal is told: one red line, or one JSON object; a bug keeps its
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

from cli.output import print_line
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


@dataclass(frozen=True)
class Out:
    """Where an act speaks: lines for people, which make way for the one object of `--json` on
    standard output.

    Nobody has to listen to the end: an act goes on when its reader has gone (`| head -1`) or the
    disk is full."""

    as_json: bool

    def say(self, line: str) -> None:
        """A line of progress."""
        print_line(line, sys.stderr if self.as_json else sys.stdout)

    def result(self, value: dict[str, Any], *lines: str) -> None:
        """What came of it."""
        if self.as_json:
            print_line(json.dumps(value, default=str), sys.stdout)
            return
        for line in lines:
            print_line(line, sys.stdout)

    def done(self, done: "Done") -> None:
        """An act, its revision, and the command that takes it back."""
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
        """A bundle that waits in releases/; `runtime` as its manifest has it."""
        shown = ", ".join(f"{name} {value:.4g}" for name, value in metrics.items())
        word = "delivered" if fresh else "was delivered already with the same content"
        value = {
            "act": "deliver",
            "version": version,
            "path": str(path),
            "digest": digest,
            "fresh": fresh,
        }
        value |= {
            "runtime": runtime.certified,
            "runtime_reason": runtime.reason,
            "metrics": metrics,
        }
        lines = [f"✔ {version} {word}: {path}", f"  runtime {runtime.certified} ({runtime.reason})"]
        lines += [f"  {shown}"] if shown else []
        self.result(value, *lines, f"  next: python deploy.py deploy {version}")

    def refused(self, message: str) -> None:
        """Why not, and the next step."""
        if self.as_json:
            print_line(json.dumps({"error": message, "next": next_step(message)}), sys.stdout)
            return

        red, plain = (
            ("\033[31m", "\033[0m") if sys.stderr is not None and sys.stderr.isatty() else ("", "")
        )
        print_line(f"{red}✖ {message}{plain}", sys.stderr)


def next_step(message: str) -> str:
    """The command a message proposes, empty where it proposes none."""
    commands = [
        command
        for command in re.findall(r"`([^`]+)`", message)
        if command.startswith("python deploy.py")
    ]
    return next(iter(commands), "")


@contextmanager
def told(as_json: bool) -> Iterator[Out]:
    """Run an act; whatever it raises on purpose is told in one line and ends the program with its
    exit code.
    """
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
        code, message = (
            REFUSED,
            f"{error.filename} cannot be used: {error.strerror}. See that this user may use it",
        )

    out.refused(message)
    raise SystemExit(code)
