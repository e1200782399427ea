"""Loads a pipeline from a skops file, which runs no code of types that nobody trusted."""

import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from delivery.errors import DeliveryError, first_line
from delivery.proof.library_versions import refuse_another_scikit_learn

SUFFIX = ".skops"


def load_skops(path: Path, trusted: Sequence[str]) -> Any:
    """The pipeline in a skops file.

    trusted: types beyond those that skops knows to be harmless. Raises DeliveryError with every
    other type that the file holds, before anything of it is loaded.
    """
    skops = _skops(path)
    if not zipfile.is_zipfile(path):
        raise DeliveryError(f"{path} is no skops file: save the pipeline with skops.io.dump")

    try:
        unknown = sorted(skops.get_untrusted_types(file=path))
        _require_trusted(path, unknown, trusted)
        with refuse_another_scikit_learn(path):
            return skops.load(path, trusted=unknown)
    except DeliveryError:
        raise
    except Exception as error:
        raise DeliveryError(
            f"{path} cannot be loaded as a skops file ({first_line(error)}): save the pipeline "
            f"again with skops.io.dump, and check that what it needs is installed"
        ) from error


def _skops(path: Path) -> Any:
    try:
        import skops.io
    except ImportError as error:
        raise DeliveryError(
            f"{path} is a skops file, and skops is not installed here: pip install skops"
        ) from error

    return skops.io


def _require_trusted(path: Path, unknown: Sequence[str], trusted: Sequence[str]) -> None:
    asked = [name for name in unknown if name not in trusted]
    if not asked:
        return

    raise DeliveryError(
        f"{path} holds {', '.join(asked)}, which skops does not know to be harmless: look at "
        f"what they do, and if you trust them, deliver again with --trust {','.join(asked)}"
    )
