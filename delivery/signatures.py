"""Signs bundles with an Ed25519 key that is made on first use.

The private key stays in the folder of keys; only signatures reach a bundle.
"""

import base64
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

from delivery.errors import DeliveryError

Key = Ed25519PrivateKey | EllipticCurvePrivateKey


class KeyFiles(NamedTuple):
    """Names of the two halves of a key in the folder of keys. kind: as messages have it."""

    private: str
    public: str
    kind: str


PRIVATE = "sluice.key"
PUBLIC = "sluice.pub"
_BUNDLES = KeyFiles(PRIVATE, PUBLIC, "Ed25519")


def signing_key(folder: Path) -> Ed25519PrivateKey:
    """The folder's private key for bundles; see private_key."""
    key: Ed25519PrivateKey = private_key(
        folder, _BUNDLES, Ed25519PrivateKey, Ed25519PrivateKey.generate
    )
    return key


def private_key(folder: Path, files: KeyFiles, kind: Any, generate: Callable[[], Key]) -> Any:
    """A private key of the folder; it and its public key are made where they are missing.

    kind: its abstract class. Raises DeliveryError where the key is readable by others or is of
    another kind.
    """
    path = folder / files.private
    if not path.exists():
        _make_private_key(path, generate())

    if path.stat().st_mode & 0o077:
        raise DeliveryError(f"{path} can be read by others: `chmod 600 {path}`")

    try:
        key = load_pem_private_key(path.read_bytes(), password=None)
    except (ValueError, TypeError) as error:
        raise DeliveryError(
            f"{path} is not a private key in PEM form: restore it, or remove both keys"
        ) from error

    if not isinstance(key, kind):
        raise DeliveryError(f"{path} is not an {files.kind} key")

    if not (folder / files.public).exists():
        _write_public_key(folder / files.public, key)

    return key


def sign(raw: bytes, key: Ed25519PrivateKey) -> bytes:
    """The content of a bundle's file `signature`: the signature of `raw` in base64."""
    return base64.b64encode(key.sign(raw)) + b"\n"


def _make_private_key(path: Path, key: Key) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())

    # A link fails where another process was first, so that the two never mix their keys.
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    draft.unlink(missing_ok=True)

    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(private)

    try:
        os.link(draft, path)
    except FileExistsError:
        pass
    finally:
        draft.unlink()


def _write_public_key(path: Path, key: Key) -> None:
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    public = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    draft.write_bytes(public)
    draft.replace(path)
