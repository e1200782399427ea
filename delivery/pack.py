"""The act of delivery: build, describe, prove, sign; then one rename makes the version exist.

Everything is written to a draft beside the releases. A failure, a full disk or Ctrl-C leaves
nothing behind."""

import errno
import os
import shutil
import signal
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass, replace
from itertools import zip_longest
from pathlib import Path

import yaml

from delivery.bundle_writer import write_contents
from delivery.errors import DeliveryError, first_line
from delivery.inputs.local_modules import modules_beside
from delivery.proof.self_test import prove_in_fresh_process
from delivery.recipe import load_source
from delivery.request import DeliveryRequest
from delivery.signatures import PUBLIC, sign, signing_key
from delivery.warnings_once import each_warning_once
from service.bundle import BundleError, Comparison, Manifest, verify_bundle
from service.bundle_files import GOLDEN, MANIFEST, SIGNATURE
from service.bundled_modules import is_module_file
from service.comparison import same
from service.proof.golden_rows import read_golden

Report = Callable[[str], None]


@dataclass(frozen=True)
class Delivered:
    """A version that waits in releases/. fresh: it was made by this call."""

    path: Path
    manifest: Manifest
    digest: str
    fresh: bool


def deliver(request: DeliveryRequest, report: Report) -> Delivered:
    """Deliver a version, or return the one that is there with the same content; raises
    DeliveryError.
    """
    target = request.releases / request.version
    _refuse_another_models(target, request.model)
    report(f"building {request.source}")
    with _prints_aside(report) as report, each_warning_once(report), modules_beside(request.source):
        try:
            return _delivered(target, request, report)
        except (DeliveryError, OSError):
            raise
        except Exception as error:
            raise DeliveryError(
                f"{request.source} was not delivered: {first_line(error)}{_place(error)}, an "
                f"error that delivery "
                "does not know: look at the frames' values and the pipeline's steps, and report "
                "it with the recipe"
            ) from error


@contextmanager
def _prints_aside(report: Report) -> Iterator[Report]:
    """What a recipe or a step prints goes to stderr: stdout is for what delivery says, or its
    JSON.
    """
    said = sys.stdout

    def tell(line: str) -> None:
        with redirect_stdout(said):
            report(line)

    with redirect_stdout(sys.stderr):
        yield tell


def _place(error: Exception) -> str:
    """Where an error was raised: file, line and function."""
    frames = traceback.extract_tb(error.__traceback__)
    last = frames[-1]
    return f" ({Path(last.filename).name}, line {last.lineno}, in {last.name})"


def _delivered(target: Path, request: DeliveryRequest, report: Report) -> Delivered:
    source = load_source(request.source, request.sample, request.label, report)
    if request.one_row_at_a_time:
        source = replace(source, recipe=replace(source.recipe, one_row_at_a_time=True))

    public = request.keys / PUBLIC
    with _plain_disk_errors(request.releases), _draft(request) as draft:
        key = signing_key(request.keys)
        contents = write_contents(draft, request, source, report)
        if target.exists():
            return _existing(target, public, draft, contents.manifest)
        (draft / SIGNATURE).write_bytes(sign((draft / MANIFEST).read_bytes(), key))
        report(prove_in_fresh_process(draft, public, contents.answered))
        _make_durable(draft)
        _appear(draft, target)

    bundle = verify_bundle(target, public)
    return Delivered(target, bundle.manifest, bundle.digest, fresh=True)


def _refuse_another_models(target: Path, model: str) -> None:
    """Raise DeliveryError before any work where this version's name is taken by another model's
    bundle.
    """
    try:
        found = yaml.safe_load((target / MANIFEST).read_text(encoding="utf-8"))["model"]
    except (OSError, yaml.YAMLError, KeyError, TypeError, UnicodeDecodeError):
        # Nothing is there, or nothing that can be read: what follows says which.
        return

    if found != model:
        raise DeliveryError(
            f"{target} holds {target.name} of the model {found!r}, this one is of {model!r}: give "
            f"it another name, or "
            "this model a folder of bundles of its own (SLUICE_RELEASES)"
        )


def same_content(old: Manifest, new: Manifest) -> bool:
    """Whether two manifests tell of the same model: same source, training data, columns and
    output.
    """
    pairs = (
        (old.source["sha256"], new.source["sha256"]),
        (old.training, new.training),
        (old.columns, new.columns),
        (old.output, new.output),
        (old.input, new.input),
        (old.one_row_at_a_time, new.one_row_at_a_time),
        (old.metrics, new.metrics),
        (old.model, new.model),
        (old.runtime.certified, new.runtime.certified),
        (_code(old), _code(new)),
    )
    return all(left == right for left, right in pairs)


def _code(manifest: Manifest) -> dict[str, str]:
    return {name: file.sha256 for name, file in manifest.files.items() if is_module_file(name)}


def same_answers(old: bytes, new: bytes, rule: Comparison) -> bool:
    """Whether two files of golden rows predict the same for the same: without labels, this alone
    tells models apart.
    """
    pairs = list(zip_longest(*(read_golden(raw, Path(GOLDEN)) for raw in (old, new))))
    return all(
        a and b and a.row == b.row and same(a.prediction, b.prediction, rule.golden, rule.scale)
        for a, b in pairs
    )


def _existing(target: Path, public: Path, draft: Path, manifest: Manifest) -> Delivered:
    try:
        bundle = verify_bundle(target, public)
        delivered = bundle.read(GOLDEN)
    except BundleError as error:
        raise DeliveryError(
            f"{target.name} was delivered before and does not hold any more: {error}"
        ) from error

    alike = same_answers(delivered, (draft / GOLDEN).read_bytes(), manifest.comparison)
    if not alike or not same_content(bundle.manifest, manifest):
        raise DeliveryError(
            f"{target.name} was delivered on {bundle.manifest.created_at[:19]} with other "
            f"content: versions are "
            "immutable, deliver this one under a new name"
        )

    return Delivered(target, bundle.manifest, bundle.digest, fresh=False)


@contextmanager
def _draft(request: DeliveryRequest) -> Iterator[Path]:
    request.releases.mkdir(parents=True, exist_ok=True)
    _clear_abandoned(request.releases)
    draft = request.releases / f".{request.version}.partial-{os.getpid()}"
    with _termination_as_interrupt():
        try:
            # One that is there is of a dead process whose number is now ours.
            shutil.rmtree(draft, ignore_errors=True)
            draft.mkdir()
            yield draft
        finally:
            shutil.rmtree(draft, ignore_errors=True)


def _clear_abandoned(releases: Path) -> None:
    """Drafts of processes that were killed."""
    for draft in releases.glob(".*.partial-*"):
        pid = draft.name.rpartition("-")[2]
        if pid.isdigit() and not Path(f"/proc/{pid}").exists():
            shutil.rmtree(draft, ignore_errors=True)


@contextmanager
def _termination_as_interrupt() -> Iterator[None]:
    def interrupt(_signal: int, _frame: object) -> None:
        raise KeyboardInterrupt

    try:
        before = signal.signal(signal.SIGTERM, interrupt)
    except ValueError:  # not the main thread, which alone handles signals
        yield
        return

    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


@contextmanager
def _plain_disk_errors(releases: Path) -> Iterator[None]:
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


def _appear(draft: Path, target: Path) -> None:
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
