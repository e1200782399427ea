"""Compares two runs: `python -m batch.compare [PARENT]`."""

import sys

from batch.compare.comparison import RunComparison
from batch.compare.job import ComparisonJob
from batch.events import report
from batch.job_process import do_job


def main() -> int:
    """Compare; returns the exit code."""
    return do_job(ComparisonJob, lambda job: RunComparison(job, report).run())


if __name__ == "__main__":
    sys.exit(main())
