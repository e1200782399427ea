"""model.sig: the same files as an OpenSSF model signature, which others verify without Sluice.

The format is that of OpenSSF Model Signing 1.0: a Sigstore bundle with a DSSE envelope, in which an
in-toto statement has the digest of every file. It knows elliptic curves and no Ed25519, so that it
has a key of its own beside the one of bundles.
"""

import base64
import hashlib
import json
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_public_key,
)

from delivery.signatures import KeyFiles, private_key
from export.errors import ExportError
from service.bundle import File
from service.bundle_files import UnreadableFile, read_file

MODEL_SIGNATURE = "model.sig"
KEYS = KeyFiles("model-signing.key", "model-signing.pub", "ECDSA")
LARGEST = 16 * 1024 * 1024
BUNDLE = "application/vnd.dev.sigstore.bundle.v0.3+json"
PAYLOAD = "application/vnd.in-toto+json"
STATEMENT = "https://in-toto.io/Statement/v1"
PREDICATE = "https://model_signing/signature/v1.0"


def model_signing_key(folder: Path) -> ec.EllipticCurvePrivateKey:
    """The key on P-256 in the folder of keys, made where it is missing; raises DeliveryError."""
    key: ec.EllipticCurvePrivateKey = private_key(
        folder, KEYS, ec.EllipticCurvePrivateKey, lambda: ec.generate_private_key(ec.SECP256R1())
    )
    return key


def model_signature(name: str, files: dict[str, File], key: ec.EllipticCurvePrivateKey) -> bytes:
    """The content of model.sig. name: of the folder; files: all but model.sig itself."""
    payload = json.dumps(_statement(name, files)).encode()
    signature = key.sign(_encoded(payload), ec.ECDSA(SHA256()))
    bundle = {
        "mediaType": BUNDLE,
        "verificationMaterial": {
            "publicKey": {"hint": hashlib.sha256(_pem(key.public_key())).hexdigest()},
            "tlogEntries": [],
        },
        "dsseEnvelope": {
            "payload": base64.b64encode(payload).decode(),
            "payloadType": PAYLOAD,
            "signatures": [{"sig": base64.b64encode(signature).decode(), "keyid": ""}],
        },
    }
    return json.dumps(bundle).encode() + b"\n"


def require_model_signature(folder: Path, files: dict[str, File], public_key: Path) -> None:
    """Raise ExportError unless model.sig names just these files and that key signed it."""
    path = folder / MODEL_SIGNATURE
    try:
        envelope = json.loads(read_file(folder, MODEL_SIGNATURE, LARGEST))["dsseEnvelope"]
        payload = base64.b64decode(envelope["payload"])
        key = load_pem_public_key(public_key.read_bytes())
        if not isinstance(key, ec.EllipticCurvePublicKey):
            raise ExportError(f"{public_key} is not a key on an elliptic curve")

        signature = base64.b64decode(envelope["signatures"][0]["sig"])
        key.verify(signature, _encoded(payload), ec.ECDSA(SHA256()))
        signed = json.loads(payload)["predicate"]["resources"]
    except UnreadableFile as error:
        raise ExportError(str(error)) from error
    except OSError as error:
        raise ExportError(f"{public_key} cannot be read: {error.strerror}") from error
    except InvalidSignature as error:
        raise ExportError(
            f"{path} was changed, or another key signed it (trusted: {public_key})"
        ) from error
    except (ValueError, KeyError, TypeError, IndexError, RecursionError) as error:
        raise ExportError(f"{path} is no model signature: export the version again") from error

    if signed != _resources(files):
        raise ExportError(f"{path} was made of other files: export the version again")


def _statement(name: str, files: dict[str, File]) -> dict[str, Any]:
    digests = b"".join(bytes.fromhex(resource["digest"]) for resource in _resources(files))
    return {
        "_type": STATEMENT,
        "subject": [{"name": name, "digest": {"sha256": hashlib.sha256(digests).hexdigest()}}],
        "predicateType": PREDICATE,
        "predicate": {
            "serialization": {
                "method": "files",
                "hash_type": "sha256",
                "allow_symlinks": False,
                "ignore_paths": [MODEL_SIGNATURE],
            },
            "resources": _resources(files),
        },
    }


def _resources(files: dict[str, File]) -> list[dict[str, str]]:
    return [
        {"name": name, "algorithm": "sha256", "digest": files[name].sha256}
        for name in sorted(files)
    ]


def _encoded(payload: bytes) -> bytes:
    """What a DSSE envelope signs."""
    return b"DSSEv1 %d %b %d %b" % (len(PAYLOAD), PAYLOAD.encode(), len(payload), payload)


def _pem(key: ec.EllipticCurvePublicKey) -> bytes:
    return key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
