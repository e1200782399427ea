"""manifest.json: digest and size of every file of an exported folder, signed as a bundle is."""

import base64
import binascii
import hashlib
import os
from pathlib import Path
from typing import Any

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from delivery.signatures import sign
from export.errors import ExportError
from export.model_signature import MODEL_SIGNATURE
from service.bundle import BundleError, File, file_of, load_public_key
from service.bundle_files import UnreadableFile, read_file

FORMAT = 1
MANIFEST, SIGNATURE = "manifest.json", "signature"
LARGEST, LARGEST_SIGNATURE = 4 * 1024 * 1024, 4096
# What no manifest can hold: itself, and what is signed after it.
OUTSIDE = (MANIFEST, SIGNATURE, MODEL_SIGNATURE)


class Certified(msgspec.Struct, frozen=True):
    """A runtime that predicted every held-out row as the service does."""

    version: str
    rows: int
    largest_difference: float
    tolerance: float


class EdgeManifest(msgspec.Struct, frozen=True, kw_only=True):
    """manifest.json. bundle: SHA-256 of the delivered version's manifest. files: by path.

    certified: by runtime. left_out: by runtime why it is not there.
    """

    format: int
    model: str
    version: str
    bundle: str
    created_at: str
    certified: dict[str, Certified]
    left_out: dict[str, str]
    files: dict[str, File]


def write_manifest(folder: Path, manifest: EdgeManifest, key: Ed25519PrivateKey) -> None:
    """Write the manifest with the digests of all files there are, and its signature."""
    complete = msgspec.structs.replace(manifest, files=digests(folder))
    raw = msgspec.json.format(msgspec.json.encode(complete), indent=1)
    (folder / MANIFEST).write_bytes(raw)
    (folder / SIGNATURE).write_bytes(sign(raw, key))


def digests(folder: Path, besides: tuple[str, ...] = OUTSIDE) -> dict[str, File]:
    """Digest and size of every file below a folder, by its path; raises ExportError for links."""
    files = {}
    for name in paths_of(folder):
        if name not in besides:
            files[name] = file_of((folder / name).read_bytes())

    return files


def paths_of(folder: Path) -> list[str]:
    """The paths of all files below a folder, sorted; raises ExportError for what is no file."""
    paths = []
    for root, folders, files in os.walk(folder, onerror=_refuse):
        for name in [*folders, *files]:
            path = Path(root, name)
            if path.is_symlink() or not (path.is_file() or path.is_dir()):
                raise ExportError(f"{path} is a link or no regular file: export the version again")

        paths += [Path(root, name).relative_to(folder).as_posix() for name in files]

    return sorted(paths)


def _refuse(error: OSError) -> None:
    raise ExportError(f"{error.filename} cannot be read: {error.strerror}") from error


def verified_manifest(folder: Path, public_key: Path) -> EdgeManifest:
    """The manifest of a folder whose signature and digests hold; raises ExportError."""
    if not folder.is_dir():
        raise ExportError(f"{folder} is not there: name the folder of an export")

    raw = _read(folder, MANIFEST, LARGEST)
    _require_signature(raw, folder, public_key)
    manifest = _parsed(raw, folder / MANIFEST)
    for name, expected in manifest.files.items():
        _require_file(folder, name, expected)

    for name in paths_of(folder):
        if name not in manifest.files and name not in OUTSIDE:
            raise ExportError(f"{folder / name} is not in the manifest: remove it")

    return manifest


def _parsed(raw: bytes, path: Path) -> EdgeManifest:
    try:
        plain: Any = msgspec.json.decode(raw)
        given = plain.get("format") if isinstance(plain, dict) else None
        if isinstance(given, int) and given != FORMAT:
            raise ExportError(
                f"{path} has format {given}, this Sluice reads format {FORMAT}: export it again"
            )

        return msgspec.convert(plain, EdgeManifest)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise ExportError(f"{path} cannot be read: {error}") from error


def _require_signature(raw: bytes, folder: Path, public_key: Path) -> None:
    path = folder / SIGNATURE
    try:
        signature = base64.b64decode(_read(folder, SIGNATURE, LARGEST_SIGNATURE), validate=False)
        load_public_key(public_key).verify(signature, raw)
    except BundleError as error:
        raise ExportError(str(error)) from error
    except (binascii.Error, InvalidSignature) as error:
        raise ExportError(
            f"{path} does not hold for {MANIFEST}: the manifest was changed, or another key "
            f"signed it (trusted: {public_key})"
        ) from error


def _require_file(folder: Path, name: str, expected: File) -> None:
    if name.startswith("/") or ".." in name.split("/") or name in OUTSIDE:
        raise ExportError(f"{folder / MANIFEST} names {name!r}: a manifest is for files below it")

    raw = _read(folder, name, expected.bytes)
    if hashlib.sha256(raw).hexdigest() != expected.sha256:
        raise ExportError(f"{folder / name} was changed after it was signed: export it again")


def _read(folder: Path, name: str, largest: int) -> bytes:
    path = folder / name
    try:
        return read_file(path.parent, path.name, largest)
    except UnreadableFile as error:
        raise ExportError(str(error)) from error
