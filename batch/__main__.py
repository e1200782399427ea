"""Runs the job on standard input and writes its events to standard output, one JSON a line.

`python -m batch [PARENT]`: it ends with the process of that number, which started it.
"""

import sys

import msgspec

from batch.errors import BatchError
from batch.job import BatchJob
from batch.run import BatchRun
from wire.parent_process import end_with

FAILED, INTERRUPTED = 1, 130


class RunRefused(msgspec.Struct, frozen=True, tag_field="event", tag="refused"):
    """The run cannot begin or go on."""

    detail: str


def main() -> int:
    """Run the job; returns the exit code."""
    for parent in sys.argv[1:]:
        end_with(int(parent))

    job = msgspec.json.decode(sys.stdin.buffer.read(), type=BatchJob)
    try:
        ended = BatchRun(job, _report).run()
    except BatchError as error:
        _report(RunRefused(str(error)))
        return FAILED

    _report(ended)
    return {"done": 0, "interrupted": INTERRUPTED}.get(ended.state, FAILED)


def _report(event: msgspec.Struct) -> None:
    sys.stdout.buffer.write(msgspec.json.encode(event) + b"\n")
    sys.stdout.buffer.flush()


if __name__ == "__main__":
    sys.exit(main())
