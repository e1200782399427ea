"""Counts a finished run and writes its page."""

from collections.abc import Callable
from pathlib import Path

import msgspec
import pyarrow as pa

from batch.errors import BatchError
from batch.progress import ProgressMeter
from batch.report.count_run import FinishedCounts
from batch.report.job import ReportJob
from batch.report.page import page
from service.bundle import Bundle, BundleError, verify_bundle
from service.distributions.bundle_distributions import BundleDistributions, read_distributions

PAGE = "_report.html"


class Reporting(msgspec.Struct, frozen=True, tag_field="event", tag="reporting"):
    """The run is read once more. distributions: whether the bundle has any to compare with."""

    version: str
    distributions: bool


class Reported(msgspec.Struct, frozen=True, tag_field="event", tag="reported"):
    """The end. page: its path or address."""

    page: str
    distributions: bool


def write_report(job: ReportJob, report: Callable[[msgspec.Struct], None]) -> Reported:
    """Write OUT/_report.html; raises BatchError."""
    try:
        return _written(job, report)
    except (OSError, pa.ArrowException) as error:
        raise BatchError(
            f"the report of {job.out} cannot be made: {error}. The same command with --report "
            f"tries again; where a file of it is damaged, predict into another folder"
        ) from error


def _written(job: ReportJob, report: Callable[[msgspec.Struct], None]) -> Reported:
    bundle, training = _bundle(job)
    run = FinishedCounts(bundle, job.out)
    report(Reporting(bundle.manifest.version, training is not None))
    counts = None
    if training is not None:
        counts = run.count(training, ProgressMeter(run.notes.rows, report))

    html = page(run.notes, bundle.manifest, training, counts, run.reasons())
    with run.folder.files.draft(PAGE, 0o600) as draft:
        draft.write_text(html)

    return Reported(f"{run.folder.address}/{PAGE}", training is not None)


def _bundle(job: ReportJob) -> tuple[Bundle, BundleDistributions | None]:
    try:
        bundle = verify_bundle(Path(job.bundle), Path(job.public_key))
        return bundle, read_distributions(bundle)
    except BundleError as error:
        raise BatchError(str(error)) from error
