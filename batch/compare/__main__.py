"""Compares by the job on standard input; writes its events to standard output, one JSON a line."""

import sys

import msgspec

from batch.compare.comparison import RunComparison
from batch.compare.job import ComparisonJob
from batch.errors import BatchError
from batch.events import FAILED, INTERRUPTED, RunRefused, report
from wire.parent_process import end_with_starter


def main() -> int:
    """Compare; returns the exit code."""
    end_with_starter(sys.argv[1:])
    job = msgspec.json.decode(sys.stdin.buffer.read(), type=ComparisonJob)
    try:
        report(RunComparison(job, report).run())
    except BatchError as error:
        report(RunRefused(str(error)))
        return FAILED
    except KeyboardInterrupt:
        return INTERRUPTED

    return 0


if __name__ == "__main__":
    sys.exit(main())
