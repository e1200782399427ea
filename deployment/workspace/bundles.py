"""Delivered bundles: manifest, golden rows, and the seal that is checked before a start."""

import base64
import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from deployment.workspace.errors import ContractBroken, EdgeFailure
from rollout.settings import is_name
from rollout.state.classes import Answers, answers_of
from rollout.state.segments import SegmentColumn, segment_columns
from service.bundle_files import (
    FORMAT,
    GOLDEN,
    LARGEST_MANIFEST,
    LARGEST_SIGNATURE,
    MANIFEST,
    SIGNATURE,
    UnreadableFile,
    read_file,
)
from service.comparison import Scale, joined


@dataclass(frozen=True)
class Release:
    """One bundle.

    digest: SHA-256 of release.yaml's bytes
    runtime: `onnx` or `sklearn`, as certified
    tolerance, scale: how far its golden answers may differ
    """

    name: str
    path: Path
    digest: str
    runtime: str
    tolerance: float
    manifest: dict[str, Any]
    raw: bytes = field(repr=False)
    scale: Scale = 1.0

    @property
    def output(self) -> str:
        """The name of the first output, such as `predict_proba`."""
        return str(self.manifest.get("output", ""))

    @property
    def side_effects(self) -> bool:
        """Whether a prediction changes something."""
        return bool(self.manifest.get("side_effects", False))

    @property
    def requirements(self) -> dict[str, str]:
        """Version by name of the packages that its pipeline needs; empty in older bundles."""
        named = self.manifest.get("requirements") or {}
        if not isinstance(named, dict):
            raise ContractBroken(
                f"{self.path / MANIFEST} has 'requirements' that are no names with versions: "
                f"deliver {self.name} again"
            )
        return named

    @property
    def frame_dtypes(self) -> list[str]:
        """The dtypes of the columns of the pipeline's own frame; empty where it has none."""
        frames = [column.get("frame") or {} for column in self.manifest.get("columns") or ()]
        return [str(frame["dtype"]) for frame in frames if "dtype" in frame]

    @property
    def segments(self) -> tuple[SegmentColumn, ...]:
        """The columns by whose values its rollout is looked at apart."""
        return segment_columns(self.manifest.get("segments"))

    @property
    def answers(self) -> Answers:
        """What it answers, as the manifest has it."""
        return answers_of(
            str(self.manifest.get("task", "")), self.manifest.get("classes"), self.output
        )


@dataclass(frozen=True)
class GoldenRows:
    """Rows and the predictions a healthy process gives for them, of several outputs by name."""

    rows: list[dict[str, Any]]
    predictions: list[Any]


def delivered(folder: Path) -> list[str]:
    """Names of the bundles there, oldest name first."""
    if not folder.is_dir():
        return []
    return sorted(
        path.parent.name for path in folder.glob("*/release.yaml") if is_name(path.parent.name)
    )


def read_release(folder: Path, name: str) -> Release:
    """The manifest of one bundle, its signature not yet checked; raises EdgeFailure,
    ContractBroken.
    """
    import yaml

    if not is_name(name):
        raise EdgeFailure(f"'{name}' is no version: letters, digits, '-', '_' and '.', at most 64")

    path = folder / name
    if not path.is_dir():
        existing = ", ".join(delivered(folder)) or "nothing"
        raise EdgeFailure(
            f"{name} is not delivered ({folder} has {existing}): `python deploy.py deliver {name} "
            "--from ...` first"
        )

    raw = _read(path, MANIFEST, LARGEST_MANIFEST)
    try:
        manifest = yaml.safe_load(raw)
        if (form := manifest["format"]) != FORMAT:
            raise ContractBroken(
                f"{path / MANIFEST} has format {form}, this Sluice reads format {FORMAT}: deliver "
                f"{name} again"
            )
        runtime, tolerance = (
            manifest["runtime"]["certified"],
            float(manifest["comparison"]["golden"]),
        )
        # A bundle from before it was written down has none.
        scale = manifest["comparison"].get("scale", 1.0)
        digest = hashlib.sha256(raw).hexdigest()
        return Release(name, path, digest, runtime, tolerance, manifest, raw, scale)
    except (yaml.YAMLError, KeyError, TypeError, ValueError, AttributeError) as error:
        raise ContractBroken(
            f"{path / MANIFEST} cannot be read ({error}): deliver {name} again"
        ) from error


def golden_rows(release: Release) -> GoldenRows:
    """The bundle's golden rows; raises ContractBroken where the file is not the one the manifest
    names.
    """
    raw = read_sealed(release, GOLDEN)
    pairs = [json.loads(line) for line in raw.splitlines() if line.strip()]
    if not pairs:
        raise ContractBroken(f"{release.path / GOLDEN} holds no row: deliver {release.name} again")

    rows = [pair["row"] for pair in pairs]
    answers = [
        joined(release.output, pair["prediction"], pair.get("outputs", {})) for pair in pairs
    ]
    return GoldenRows(rows, answers)


def served_by(release: Release, runtime: str) -> str:
    """The runtime of a version, `onnx` or `sklearn`: the certified one, or deploy.toml's."""
    if runtime == "certified":
        return release.runtime
    return runtime


def check_seal(release: Release, public_key: Path) -> None:
    """Raise ContractBroken naming the file unless signature and every digest hold, or it is another
    model's bundle.
    """
    for _ in sealed_files(release, public_key):
        pass


def sealed_files(release: Release, public_key: Path) -> Iterator[tuple[str, bytes]]:
    """Names and bytes of all files, these very bytes checked, the signature before any; raises
    ContractBroken.
    """
    signature = _read(release.path, SIGNATURE, LARGEST_SIGNATURE)
    _check_signature(release, signature, public_key)
    yield MANIFEST, release.raw
    yield SIGNATURE, signature
    for name in release.manifest.get("files", {}):
        yield name, read_sealed(release, name)


def check_belongs(release: Release, model: str) -> None:
    """Raise ContractBroken where the manifest speaks of another model or version than its folder
    and deploy.toml.
    """
    identity = (release.manifest.get("model"), release.manifest.get("version"))
    if identity != (model, release.name):
        raise ContractBroken(
            f"{release.path} holds {identity[1]} of model '{identity[0]}', not {release.name} of "
            f"'{model}': correct 'model' in deploy.toml, or give this model a folder of bundles of "
            "its own (SLUICE_RELEASES)"
        )


def read_sealed(release: Release, name: str) -> bytes:
    """The bytes of a file as the manifest has it, whose signature is another matter.

    Raises ContractBroken.
    """
    path = release.path / name
    try:
        expected, size = (
            release.manifest["files"][name]["sha256"],
            int(release.manifest["files"][name]["bytes"]),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise ContractBroken(
            f"{path} is not in the manifest: restore the bundle or deliver a new one"
        ) from error

    content = _read(release.path, name, size)
    if hashlib.sha256(content).hexdigest() != expected:
        raise ContractBroken(
            f"{path} was changed after {release.name} was signed: restore it or deliver a new "
            "version"
        )

    return content


def _read(folder: Path, name: str, largest: int) -> bytes:
    try:
        return read_file(folder, name, largest)
    except UnreadableFile as error:
        raise ContractBroken(f"{error}: restore the bundle or deliver a new one") from error


def _check_signature(release: Release, raw: bytes, public_key: Path) -> None:
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    try:
        key = load_pem_public_key(public_key.read_bytes())
        signature = base64.b64decode(raw)
    except (OSError, ValueError) as error:
        raise ContractBroken(
            f"the signature of {release.path} cannot be checked: {error}"
        ) from error

    if not isinstance(key, Ed25519PublicKey):
        raise ContractBroken(
            f"{public_key} is not an Ed25519 key: restore the key that signed the bundles"
        )

    try:
        key.verify(signature, release.raw)
    except InvalidSignature as error:
        raise ContractBroken(
            f"{release.path / MANIFEST} was not signed with {public_key}, or was changed since: "
            "restore it, or deliver a new version"
        ) from error
