"""Reads a delivered bundle, and believes nothing before its signature and digests are checked.

The signature is Ed25519 over the exact bytes of release.yaml; release.yaml holds the SHA-256 of every other file.
"""

import base64
import binascii
import hashlib
from pathlib import Path
from typing import Any

import msgspec
import yaml
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key

FORMAT = 1
MANIFEST = "release.yaml"
SIGNATURE = "signature"
GOLDEN = "golden.jsonl"
ONNX = "model.onnx"
PICKLE = "model.pkl"


class BundleError(Exception):
    """A bundle cannot be trusted or read; the message names the file at fault and the next step."""


class Column(msgspec.Struct, frozen=True, kw_only=True):
    """One input column as it was seen in training. dtype: float, int, bool or string."""

    name: str
    dtype: str
    nullable: bool
    minimum: float | None = None
    maximum: float | None = None
    categories: list[str] | None = None


class Runtime(msgspec.Struct, frozen=True, kw_only=True):
    """Which runtime is certified, and the proof."""

    certified: str
    reason: str
    max_abs_difference: float | None
    rows_compared: int
    tolerance: float
    classes_equal: bool | None


class File(msgspec.Struct, frozen=True):
    """Digest and size of one file."""

    sha256: str
    bytes: int


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """release.yaml. Fields that only people read stay plain values."""

    format: int
    model: str
    version: str
    created_at: str
    source: dict[str, Any]
    training: dict[str, Any]
    task: str
    classes: list[Any] | None
    output: str
    columns: list[Column]
    metrics: dict[str, float]
    held_out_rows: int
    runtime: Runtime
    latency: dict[str, Any]
    golden: dict[str, Any]
    python: str
    packages: dict[str, str]
    files: dict[str, File]


class Bundle(msgspec.Struct, frozen=True):
    """A bundle whose signature and digests held. digest: SHA-256 of the manifest's bytes."""

    path: Path
    manifest: Manifest
    digest: str

    def file(self, name: str) -> Path:
        """The path of a file the manifest vouches for; raises BundleError for any other."""
        if name not in self.manifest.files:
            raise BundleError(f"{self.path / name} is not in the manifest: deliver the version again")
        return self.path / name

    def read(self, name: str) -> bytes:
        """The bytes of a file, of which the digest held at this very reading; raises BundleError."""
        path = self.file(name)
        raw = _read(path)
        _check_bytes(path, raw, self.manifest.files[name])
        return raw


def verify_bundle(path: Path, public_key: Path) -> Bundle:
    """Check the signature, then every digest, then return the bundle; raises BundleError naming the file at fault."""
    raw = _read(path / MANIFEST)
    _check_signature(raw, path / SIGNATURE, public_key)
    manifest = parse_manifest(raw, path / MANIFEST)
    for name, expected in manifest.files.items():
        _check_digest(path / name, name, expected)
    _check_nothing_else(path, manifest)
    return Bundle(path, manifest, hashlib.sha256(raw).hexdigest())


def parse_manifest(raw: bytes, path: Path) -> Manifest:
    """The manifest of release.yaml's bytes; raises BundleError naming the key at fault."""
    try:
        manifest = msgspec.convert(yaml.safe_load(raw), Manifest)
    except (yaml.YAMLError, msgspec.ValidationError) as error:
        raise BundleError(f"{path} cannot be read: {error}") from error
    if manifest.format != FORMAT:
        raise BundleError(f"{path} has format {manifest.format}: this Sluice reads format {FORMAT}")
    return manifest


def load_public_key(path: Path) -> Ed25519PublicKey:
    """The key that bundles must be signed with; raises BundleError."""
    try:
        key = load_pem_public_key(_read(path))
    except (ValueError, UnsupportedAlgorithm) as error:
        raise BundleError(f"{path} is not a public key in PEM form: restore it, or deliver again") from error
    if not isinstance(key, Ed25519PublicKey):
        raise BundleError(f"{path} is not an Ed25519 key")
    return key


def _check_signature(raw: bytes, path: Path, public_key: Path) -> None:
    try:
        signature = base64.b64decode(_read(path).strip(), validate=True)
        load_public_key(public_key).verify(signature, raw)
    except binascii.Error as error:
        raise BundleError(f"{path} is not base64: the bundle was changed after it was signed") from error
    except InvalidSignature as error:
        raise BundleError(
            f"{path} does not hold for {MANIFEST}: the manifest was changed, or another key signed it "
            f"(trusted: {public_key})"
        ) from error


def _check_digest(path: Path, name: str, expected: File) -> None:
    if Path(name).name != name or "\0" in name or name in ("", "..", MANIFEST, SIGNATURE):
        raise BundleError(f"{path}: a manifest may only vouch for files beside it")
    if path.is_symlink():
        raise BundleError(f"{path} is a link: the bundle was changed after it was signed")
    _check_bytes(path, _read(path), expected)


def _check_bytes(path: Path, raw: bytes, expected: File) -> None:
    if len(raw) != expected.bytes or hashlib.sha256(raw).hexdigest() != expected.sha256:
        raise BundleError(f"{path} was changed after it was signed: deliver a new version")


def _check_nothing_else(path: Path, manifest: Manifest) -> None:
    known = {MANIFEST, SIGNATURE, *manifest.files}
    strangers = sorted(each.name for each in path.iterdir() if each.name not in known)
    if strangers:
        raise BundleError(f"{path / strangers[0]} is not in the manifest: remove it, or deliver a new version")


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise BundleError(f"{path} cannot be read: {error.strerror}") from error
