"""The keys: Ed25519, made on first use. The private key stays in keys/ and never comes near a
bundle.
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
    """The private key of that folder, made there when there is none, as is its public one; raises
    DeliveryError.
    """
    path = folder / PRIVATE
    if not path.exists():
        _make(folder)

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
        _publish(folder, key)

    return key


def sign(raw: bytes, key: Ed25519PrivateKey) -> bytes:
    """The content of a bundle's `signature`."""
    return base64.b64encode(key.sign(raw)) + b"\n"


def _make(folder: Path) -> None:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    key = Ed25519PrivateKey.generate()
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    # A link fails where somebody was first: never two halves of two keys.
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


def _publish(folder: Path, key: Ed25519PrivateKey) -> None:
    draft = folder / f".{PUBLIC}.{os.getpid()}"
    draft.write_bytes(
        key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    )
    draft.replace(folder / PUBLIC)
