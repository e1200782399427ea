"""Counts a finished run and writes its page."""

from collections.abc import Callable
from pathlib import Path

import msgspec

from batch.errors import BatchError
from batch.outputs.atomic_file import replaced
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
    """The end. page: its path."""

    page: str
    distributions: bool


def write_report(job: ReportJob, report: Callable[[msgspec.Struct], None]) -> Reported:
    """Write OUT/_report.html; raises BatchError."""
    bundle, training = _bundle(job)
    run = FinishedCounts(bundle, Path(job.out))
    report(Reporting(bundle.manifest.version, training is not None))
    counts = None
    if training is not None:
        counts = run.count(training, ProgressMeter(run.notes.rows, report))

    path = run.folder / PAGE
    html = page(run.notes, bundle.manifest, training, counts, run.reasons())
    with replaced(path, 0o600) as draft:
        draft.write_text(html)

    return Reported(str(path), training is not None)


def _bundle(job: ReportJob) -> tuple[Bundle, BundleDistributions | None]:
    try:
        bundle = verify_bundle(Path(job.bundle), Path(job.public_key))
        return bundle, read_distributions(bundle)
    except BundleError as error:
        raise BatchError(str(error)) from error
