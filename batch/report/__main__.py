"""Writes the report of a run: `python -m batch.report [PARENT]`."""

import sys

from batch.events import report
from batch.job_process import do_job
from batch.report.job import ReportJob
from batch.report.write_report import write_report


def main() -> int:
    """Write it; returns the exit code."""
    return do_job(ReportJob, lambda job: write_report(job, report))


if __name__ == "__main__":
    sys.exit(main())
