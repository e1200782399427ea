"""Predicts files: `python -m batch [PARENT]`."""

import sys

from batch.events import report
from batch.job import BatchJob
from batch.job_process import do_job
from batch.run import BatchRun


def main() -> int:
    """Run the job; returns the exit code."""
    return do_job(BatchJob, lambda job: BatchRun(job, report).run())


if __name__ == "__main__":
    sys.exit(main())
