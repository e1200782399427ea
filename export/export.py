"""Exports a version: writes the folder, certifies each runtime on it, signs it; one rename ends it.

A failure, a full disk or Ctrl-C leaves nothing behind.
"""

import errno
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from glob import escape
from pathlib import Path
from typing import Any

import msgspec

from delivery.errors import DeliveryError
from delivery.request import Report
from delivery.signatures import PUBLIC, signing_key
from delivery.verify import check
from environments.draft_folder import draft_folder
from export import onnxruntime_web as web
from export.certification import checked, runner_python
from export.description import ServiceRefusals, describe
from export.errors import ExportError
from export.held_out import held_out_rows
from export.manifest import (
    FORMAT,
    Certified,
    EdgeManifest,
    digests,
    verified_manifest,
    write_manifest,
)
from export.model_signature import (
    KEYS,
    MODEL_SIGNATURE,
    model_signature,
    model_signing_key,
    require_model_signature,
)
from export.ort_format import write_ort_format
from export.page import write_page
from export.readme import ReadmeFacts, write_readmes
from export.refusals import refused_rows
from export.request import ExportRequest
from export.runtimes import RUNNERS, certified_runtimes
from service.bundle import Bundle
from service.bundle_files import GOLDEN, ONNX
from service.predict import Predictor
from service.proof.golden_rows import read_golden
from service.runtimes.load_model import load_model

LICENSE = Path(__file__).parents[1] / "LICENSE"


@dataclass(frozen=True)
class Exported:
    """A folder that was exported. megabytes: of all its files."""

    folder: Path
    manifest: EdgeManifest
    megabytes: float

    def as_plain(self) -> dict[str, Any]:
        """The same as JSON has it."""
        return {
            "act": "export",
            "version": self.manifest.version,
            "path": str(self.folder),
            "megabytes": self.megabytes,
            "certified": msgspec.to_builtins(self.manifest.certified),
            "left_out": self.manifest.left_out,
        }


def export_version(request: ExportRequest, report: Report) -> Exported:
    """Export a version with a certified ONNX form; raises ExportError."""
    _refuse_occupied(request.folder)
    bundle = _bundle(request)
    predictor = Predictor(bundle.manifest, load_model(bundle))
    rows = held_out_rows(bundle.manifest, request, report)
    with _draft(request.folder) as draft:
        key = signing_key(request.keys)
        _write_model(draft, request, bundle, predictor, report)
        provisional = _manifest(bundle, {}, {})
        write_manifest(draft, provisional, key)
        runs, left_out = certified_runtimes(draft, request, predictor, rows, report)
        if request.page:
            title = f"{bundle.manifest.model} {bundle.manifest.version}"
            write_page(draft, request.cache / web.VERSION, title)

        signer = model_signing_key(request.keys)
        facts = ReadmeFacts(bundle.manifest, runs, left_out, key, signer, request.page)
        write_readmes(draft, facts)
        write_manifest(draft, _manifest(bundle, runs, left_out), key)
        files = digests(draft, (MODEL_SIGNATURE,))
        name = request.folder.absolute().name
        (draft / MODEL_SIGNATURE).write_bytes(model_signature(name, files, signer))
        _publish(draft, request.folder)

    manifest = verified_manifest(request.folder, request.keys / PUBLIC)
    return Exported(request.folder, manifest, _megabytes(request.folder))


def verify_export(folder: Path, keys: Path, report: Report) -> list[str]:
    """Check both signatures, every digest and the golden rows; returns a line a check.

    keys: the folder of the public keys. Raises ExportError naming what does not hold.
    """
    manifest = verified_manifest(folder, keys / PUBLIC)
    checks = [
        f"signature holds ({keys / PUBLIC})",
        f"{len(manifest.files)} files are as they were signed",
    ]
    require_model_signature(folder, digests(folder, (MODEL_SIGNATURE,)), keys / KEYS.public)
    checks.append(f"{MODEL_SIGNATURE} holds ({keys / KEYS.public})")
    report("predicting the golden rows with Sluice's own program, not the folder's")
    # Not with the folder's own program: it is to be judged.
    script = RUNNERS / "python" / "edge_model.py"
    checks.append(checked(runner_python(folder, sys.executable, script), str(folder)))
    return checks


def _bundle(request: ExportRequest) -> Bundle:
    try:
        bundle = check(request.bundle, request.keys / PUBLIC)
    except DeliveryError as error:
        raise ExportError(str(error)) from error

    if bundle.manifest.version != request.bundle.name:
        raise ExportError(
            f"{request.bundle} holds version {bundle.manifest.version}: somebody renamed the folder"
        )

    runtime = bundle.manifest.runtime
    if runtime.certified != "onnx":
        raise ExportError(
            f"{request.bundle.name} has no certified ONNX form, without which no device can "
            f"predict as the service does: {runtime.reason}"
        )

    return bundle


def _write_model(
    draft: Path, request: ExportRequest, bundle: Bundle, predictor: Predictor, report: Report
) -> None:
    manifest = bundle.manifest
    golden = read_golden(bundle.read(GOLDEN), bundle.path / GOLDEN)
    refusals = ServiceRefusals(predictor, golden[0].row)
    (draft / ONNX).write_bytes(bundle.read(ONNX))
    description = describe(bundle, refusals)
    (draft / "model.json").write_bytes(msgspec.json.format(msgspec.json.encode(description)))
    lines = []
    for line in golden:
        answer = line.answer(manifest.output)
        lines.append(msgspec.json.encode({"row": line.row, "answer": answer}))

    _write_lines(draft / GOLDEN, lines)
    _write_lines(draft / "refused.jsonl", refused_rows(manifest.columns, refusals))
    shutil.copy(LICENSE, draft / "LICENSE")
    if request.licence is not None:
        shutil.copy(request.licence, draft / "MODEL_LICENSE")

    if request.ort_format:
        write_ort_format(draft, report)

    (draft / "python").mkdir()
    shutil.copy(RUNNERS / "python" / "edge_model.py", draft / "python")


def _write_lines(path: Path, lines: list[bytes]) -> None:
    path.write_bytes(b"\n".join(lines) + b"\n")


def _manifest(bundle: Bundle, runs: dict[str, Certified], left_out: dict[str, str]) -> EdgeManifest:
    manifest = bundle.manifest
    now = datetime.now(UTC).isoformat(timespec="seconds")
    return EdgeManifest(
        format=FORMAT,
        model=manifest.model,
        version=manifest.version,
        bundle=bundle.digest,
        created_at=now,
        certified=runs,
        left_out=left_out,
        files={},
    )


def _refuse_occupied(folder: Path) -> None:
    if folder.is_symlink() or (folder.exists() and not folder.is_dir()):
        raise ExportError(f"{folder} is no folder: name another one")
    if folder.is_dir() and any(folder.iterdir()):
        raise ExportError(f"{folder} is not empty: remove it, or name another folder")


@contextmanager
def _draft(target: Path) -> Iterator[Path]:
    """A folder beside the target that is gone in the end."""
    target = target.absolute()
    parent = target.parent
    try:
        parent.mkdir(parents=True, exist_ok=True)
        # The parent is not ours: drafts of other names in it are somebody else's.
        with draft_folder(target, escape(target.name)) as draft:
            draft.mkdir()
            yield draft
    except DeliveryError as error:
        raise ExportError(str(error)) from error
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise ExportError(f"the disk of {parent} is full: free some space") from error
        raise


def _publish(draft: Path, target: Path) -> None:
    try:
        draft.rename(target)
    except OSError as error:
        raise ExportError(
            f"{target} was written by somebody else at the same moment: name another folder"
        ) from error


def _megabytes(folder: Path) -> float:
    sizes = [path.stat().st_size for path in folder.rglob("*") if path.is_file()]
    return sum(sizes) / 1e6
