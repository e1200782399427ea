"""Checks a delivered version again."""

import sys
from pathlib import Path

from delivery.errors import DeliveryError
from delivery.proof.self_test import prove_in_fresh_process
from service.bundle import Bundle, BundleError, verify_bundle


def check(path: Path, public_key: Path) -> Bundle:
    """Check the signature and every digest; raises DeliveryError naming the file at fault."""
    if not path.is_dir():
        raise DeliveryError(
            f"{path.name} was not delivered: `python deploy.py deliver {path.name} --from RECIPE`"
        )

    try:
        return verify_bundle(path, public_key)
    except BundleError as error:
        raise DeliveryError(str(error)) from error


def verify(path: Path, public_key: Path, own_bin: Path | None = None) -> list[str]:
    """Check signature and digests, and predict the golden rows in a fresh process.

    own_bin: the programs of the version's own environment; None: this one serves it.
    Returns one line a check; raises DeliveryError.
    """
    bundle = check(path, public_key)
    manifest = bundle.manifest
    if manifest.version != path.name:
        raise DeliveryError(f"{path} holds version {manifest.version}: somebody renamed the folder")

    python = Path(sys.executable) if own_bin is None else own_bin / "python"
    files = len(manifest.files)
    return [
        f"signature holds ({public_key})",
        f"{files} files are as they were signed",
        prove_in_fresh_process(path, public_key, python=python),
    ]
