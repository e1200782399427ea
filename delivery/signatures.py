"""Signs bundles with an Ed25519 key that is made on first use.

The private key stays in the folder of keys; only signatures reach a bundle.
"""

import base64
import os
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

from delivery.errors import DeliveryError

PRIVATE = "sluice.key"
PUBLIC = "sluice.pub"


def signing_key(folder: Path) -> Ed25519PrivateKey:
    """The folder's private key; it and its public key are made where they are missing.

    Raises DeliveryError where the key is readable by others or is no Ed25519 key.
    """
    path = folder / PRIVATE
    if not path.exists():
        _make_private_key(folder)

    if path.stat().st_mode & 0o077:
        raise DeliveryError(f"{path} can be read by others: `chmod 600 {path}`")

    try:
        key = load_pem_private_key(path.read_bytes(), password=None)
    except (ValueError, TypeError) as error:
        raise DeliveryError(
            f"{path} is not a private key in PEM form: restore it, or remove both keys"
        ) from error

    if not isinstance(key, Ed25519PrivateKey):
        raise DeliveryError(f"{path} is not an Ed25519 key")

    if not (folder / PUBLIC).exists():
        _write_public_key(folder, key)

    return key


def sign(raw: bytes, key: Ed25519PrivateKey) -> bytes:
    """The content of a bundle's file `signature`: the signature of `raw` in base64."""
    return base64.b64encode(key.sign(raw)) + b"\n"


def _make_private_key(folder: Path) -> None:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    key = Ed25519PrivateKey.generate()
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())

    # A link fails where another process was first, so that the two never mix their keys.
    draft = folder / f".{PRIVATE}.{os.getpid()}"
    draft.unlink(missing_ok=True)

    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(private)

    try:
        os.link(draft, folder / PRIVATE)
    except FileExistsError:
        pass
    finally:
        draft.unlink()


def _write_public_key(folder: Path, key: Ed25519PrivateKey) -> None:
    draft = folder / f".{PUBLIC}.{os.getpid()}"
    public = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    draft.write_bytes(public)
    draft.replace(folder / PUBLIC)
