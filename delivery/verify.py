"""Re-checks everything about a delivered version."""

from pathlib import Path

from delivery.errors import DeliveryError
from delivery.proof.self_test import prove_in_fresh_process
from service.bundle import Bundle, BundleError, verify_bundle


def check(path: Path, public_key: Path) -> Bundle:
    """The signature and every digest; raises DeliveryError naming the file at fault."""
    if not path.is_dir():
        raise DeliveryError(
            f"{path.name} was not delivered: `python deploy.py deliver {path.name} --from RECIPE`"
        )

    try:
        return verify_bundle(path, public_key)
    except BundleError as error:
        raise DeliveryError(str(error)) from error


def verify(path: Path, public_key: Path) -> list[str]:
    """All of it: signature, digests, and the golden rows in a fresh process; returns one line a
    check.
    """
    bundle = check(path, public_key)
    manifest = bundle.manifest
    if manifest.version != path.name:
        raise DeliveryError(f"{path} holds version {manifest.version}: somebody renamed the folder")

    files = len(manifest.files)
    return [
        f"signature holds ({public_key})",
        f"{files} files are as they were signed",
        prove_in_fresh_process(path, public_key),
    ]
