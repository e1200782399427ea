"""Runs the job on standard input and writes its events to standard output, one JSON a line.

`python -m batch [PARENT]`: it ends with the process of that number, which started it.
"""

import sys

import msgspec

from batch.errors import BatchError
from batch.events import FAILED, INTERRUPTED, RunRefused, report
from batch.job import BatchJob
from batch.run import BatchRun
from wire.parent_process import end_with_starter


def main() -> int:
    """Run the job; returns the exit code."""
    end_with_starter(sys.argv[1:])
    job = msgspec.json.decode(sys.stdin.buffer.read(), type=BatchJob)
    try:
        ended = BatchRun(job, report).run()
    except BatchError as error:
        report(RunRefused(str(error)))
        return FAILED

    report(ended)
    return {"done": 0, "interrupted": INTERRUPTED}.get(ended.state, FAILED)


if __name__ == "__main__":
    sys.exit(main())
