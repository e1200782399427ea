"""Delivers a version: build, describe, prove, sign; then one rename makes the version exist.

Everything is written to a draft beside the releases. A failure, a full disk or Ctrl-C leaves
nothing behind.
"""

import errno
import os
import signal
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import yaml
from packaging.specifiers import SpecifierSet

from delivery.bundle_writer import write_contents
from delivery.errors import AnotherScikitLearn, DeliveryError, first_line
from delivery.other_environment import deliver_elsewhere
from delivery.proof.self_test import prove_in_fresh_process
from delivery.request import DeliveryRequest, Report
from delivery.serving_python import serving_python
from delivery.signatures import PUBLIC, sign, signing_key
from delivery.sources.requirements import wanted_versions
from delivery.sources.source import load_source, modules_of, requirements_of
from delivery.warnings_once import each_warning_once
from environments.draft_folder import draft_folder
from environments.environment_file import allowed_versions
from environments.errors import EnvironmentFailure
from environments.installed_packages import unfit
from service.bundle import BundleError, Comparison, Manifest, verify_bundle
from service.bundle_files import GOLDEN, MANIFEST, SIGNATURE
from service.bundled_modules import is_module_file
from service.comparison import same
from service.proof.golden_rows import read_golden
from service.runtimes.outputs import outputs_of


@dataclass(frozen=True)
class DeliveredVersion:
    """A version that waits in releases/. fresh: it was made by this call."""

    path: Path
    manifest: Manifest
    digest: str
    fresh: bool


def deliver(request: DeliveryRequest, report: Report) -> DeliveredVersion:
    """Deliver a version, or return the existing one of the same content; raises DeliveryError.

    Where the packages here are not those that the user's file or the pipeline wants, it is
    delivered in an environment that has them.
    """
    versions, because = _unfit_versions(request)
    if not versions:
        try:
            return deliver_here(request, report)
        except AnotherScikitLearn as error:
            if request.environments is None:
                raise
            versions = {**_file_versions(request), "scikit-learn": f"=={error.made_by}"}
            because = f"{request.source.name} was pickled by scikit-learn {error.made_by}"

    fresh = deliver_elsewhere(request, versions, because, report)
    bundle = verify_bundle(request.releases / request.version, request.keys / PUBLIC)
    return DeliveredVersion(bundle.path, bundle.manifest, bundle.digest, fresh)


def _unfit_versions(request: DeliveryRequest) -> tuple[dict[str, str], str]:
    """What the user's file wants where that is not installed here, and what of it is not."""
    versions = _file_versions(request)
    missing = unfit({name: SpecifierSet(version) for name, version in versions.items()})
    if not missing:
        return {}, ""

    name, here = next(iter(missing.items()))
    instead = "is not installed here" if here is None else f"is {here} here"
    because = (
        f"{request.environment or request.source} wants {name}{versions[name]}, which {instead}"
    )
    if request.environments is not None:
        return versions, because
    if request.environment is None:
        # What an MLflow model asks for is told where it is loaded.
        return {}, ""

    raise DeliveryError(f"{because}: install it, and deliver again")


def _file_versions(request: DeliveryRequest) -> dict[str, str]:
    if request.environment is None:
        return wanted_versions(requirements_of(request.source))

    try:
        return {
            name: str(versions) for name, versions in allowed_versions(request.environment).items()
        }
    except EnvironmentFailure as error:
        raise DeliveryError(str(error)) from error


def deliver_here(request: DeliveryRequest, report: Report) -> DeliveredVersion:
    """Deliver with the packages of this process; raises DeliveryError."""
    target = request.releases / request.version
    _refuse_another_model(target, request.model)
    report(f"building {request.source}")
    with (
        _stdout_to_stderr(report) as report,
        each_warning_once(report),
        modules_of(request.source),
    ):
        try:
            return _deliver(target, request, report)
        except (DeliveryError, OSError):
            raise
        except Exception as error:
            raise DeliveryError(
                f"{request.source} was not delivered: {first_line(error)}{_origin(error)}, an "
                f"error that delivery does not know: look at the frames' values and the pipeline's "
                f"steps, and report it with the recipe"
            ) from error


@contextmanager
def _stdout_to_stderr(report: Report) -> Iterator[Report]:
    """Send what a recipe or a step prints to stderr; yields a report that still goes to stdout."""
    stdout = sys.stdout

    def report_to_stdout(line: str) -> None:
        with redirect_stdout(stdout):
            report(line)

    with redirect_stdout(sys.stderr):
        yield report_to_stdout


def _origin(error: Exception) -> str:
    """File, line and function that raised an error."""
    frame = traceback.extract_tb(error.__traceback__)[-1]
    return f" ({Path(frame.filename).name}, line {frame.lineno}, in {frame.name})"


def _deliver(target: Path, request: DeliveryRequest, report: Report) -> DeliveredVersion:
    source = load_source(
        request.source, request.sample, request.label, report, request.outputs, request.trusted
    )
    if request.one_row_at_a_time:
        source = replace(source, recipe=replace(source.recipe, one_row_at_a_time=True))

    public = request.keys / PUBLIC
    with _disk_errors_explained(request.releases), _draft(target) as draft:
        key = signing_key(request.keys)
        contents = write_contents(draft, request, source, report)
        if target.exists():
            return _existing(target, public, draft, contents.manifest)

        (draft / SIGNATURE).write_bytes(sign((draft / MANIFEST).read_bytes(), key))
        python = serving_python(request, contents.manifest, report)
        report(prove_in_fresh_process(draft, public, contents.served, python))
        _make_durable(draft)
        _publish(draft, target)

    bundle = verify_bundle(target, public)
    return DeliveredVersion(target, bundle.manifest, bundle.digest, fresh=True)


def _refuse_another_model(target: Path, model: str) -> None:
    """Raise DeliveryError where the version's folder holds a bundle of another model."""
    try:
        delivered = yaml.safe_load((target / MANIFEST).read_text(encoding="utf-8"))["model"]
    except (OSError, yaml.YAMLError, KeyError, TypeError, UnicodeDecodeError):
        # No bundle, or one that cannot be read: what follows says which.
        return

    if delivered != model:
        raise DeliveryError(
            f"{target} holds {target.name} of the model {delivered!r}, this one is of {model!r}: "
            f"give it another name, or this model a folder of bundles of its own (SLUICE_RELEASES)"
        )


def same_content(old: Manifest, new: Manifest) -> bool:
    """Whether two manifests describe the same model.

    Source, training data, columns, outputs, metrics, runtime and code must be equal.
    """
    return _content(old) == _content(new)


def _content(manifest: Manifest) -> tuple[Any, ...]:
    files = manifest.files
    code = {name: files[name].sha256 for name in filter(is_module_file, files)}
    return (
        manifest.source["sha256"],
        manifest.training,
        manifest.columns,
        [output.name for output in outputs_of(manifest)],
        manifest.input,
        manifest.one_row_at_a_time,
        manifest.side_effects,
        manifest.metrics,
        manifest.model,
        manifest.runtime.certified,
        code,
    )


def same_predictions(old: bytes, new: bytes, rule: Comparison, output: str) -> bool:
    """Whether two files of golden rows hold the same rows with the same predictions.

    Without labels this alone tells models apart. output: the name of the first one.
    """
    old_rows, new_rows = read_golden(old, Path(GOLDEN)), read_golden(new, Path(GOLDEN))
    if len(old_rows) != len(new_rows):
        return False

    for before, after in zip(old_rows, new_rows, strict=True):
        if before.row != after.row:
            return False
        expected, answer = before.answer(output), after.answer(output)
        if not same(expected, answer, rule.golden, rule.scale):
            return False

    return True


def _existing(target: Path, public: Path, draft: Path, manifest: Manifest) -> DeliveredVersion:
    try:
        bundle = verify_bundle(target, public)
        delivered = bundle.read(GOLDEN)
    except BundleError as error:
        raise DeliveryError(
            f"{target.name} was delivered before and its bundle is no longer intact: {error}"
        ) from error

    golden = (draft / GOLDEN).read_bytes()
    equal = same_predictions(delivered, golden, manifest.comparison, manifest.output)
    if not equal or not same_content(bundle.manifest, manifest):
        raise DeliveryError(
            f"{target.name} was delivered on {bundle.manifest.created_at[:19]} with other "
            f"content: versions are immutable, deliver this one under a new name"
        )

    return DeliveredVersion(target, bundle.manifest, bundle.digest, fresh=False)


@contextmanager
def _draft(target: Path) -> Iterator[Path]:
    target.parent.mkdir(parents=True, exist_ok=True)
    with _termination_as_interrupt(), draft_folder(target) as draft:
        draft.mkdir()
        yield draft


@contextmanager
def _termination_as_interrupt() -> Iterator[None]:
    def interrupt(_signal: int, _frame: object) -> None:
        raise KeyboardInterrupt

    try:
        handler = signal.signal(signal.SIGTERM, interrupt)
    except ValueError:  # not the main thread, which alone handles signals
        yield
        return

    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, handler)


@contextmanager
def _disk_errors_explained(releases: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise DeliveryError(
                f"the disk of {releases} is full: free some space and deliver again"
            ) from error
        raise DeliveryError(
            f"{error.filename or releases} cannot be written: {error.strerror}"
        ) from error


def _make_durable(draft: Path) -> None:
    for path in draft.iterdir():
        with path.open("rb") as file:
            os.fsync(file.fileno())


def _publish(draft: Path, target: Path) -> None:
    try:
        draft.rename(target)
    except OSError as error:
        if target.exists():
            raise DeliveryError(
                f"{target.name} was delivered by somebody else at the same moment: look at it"
            ) from error
        raise

    descriptor = os.open(target.parent, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
