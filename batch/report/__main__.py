"""Writes the report of the run that the job on standard input names; says so in events."""

import sys

import msgspec

from batch.errors import BatchError
from batch.events import FAILED, INTERRUPTED, RunRefused, report
from batch.report.job import ReportJob
from batch.report.write_report import write_report
from wire.parent_process import end_with_starter


def main() -> int:
    """Write it; returns the exit code."""
    end_with_starter(sys.argv[1:])
    job = msgspec.json.decode(sys.stdin.buffer.read(), type=ReportJob)
    try:
        report(write_report(job, report))
    except BatchError as error:
        report(RunRefused(str(error)))
        return FAILED
    except KeyboardInterrupt:
        return INTERRUPTED

    return 0


if __name__ == "__main__":
    sys.exit(main())
