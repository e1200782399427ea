"""Loads a pipeline from a pickle, which runs code: only one's own."""

from pathlib import Path
from typing import Any

from delivery.errors import DeliveryError, first_line
from delivery.proof.library_versions import refuse_another_scikit_learn

PICKLES = (".pkl", ".pickle", ".joblib")
# Of pickles, and of what joblib compresses them with: zlib, gzip, bzip2, xz, lz4.
PICKLE_STARTS = (
    b"\x80",
    b"x\x01",
    b"x\x5e",
    b"x\x9c",
    b"x\xda",
    b"\x1f\x8b",
    b"BZh",
    b"\xfd7zXZ",
    b"\x04\x22\x4d\x18",
)


def looks_pickled(path: Path) -> bool:
    """Whether a file is a pickle by its name or its first bytes."""
    with path.open("rb") as file:
        return path.suffix in PICKLES or file.read(8).startswith(PICKLE_STARTS)


def load_pickle(path: Path) -> Any:
    """The pickled pipeline; raises DeliveryError with what to do where it does not load."""
    import joblib

    try:
        with refuse_another_scikit_learn(path):
            return joblib.load(path)
    except DeliveryError:
        raise
    except Exception as error:
        raise DeliveryError(
            f"{path} cannot be loaded as a pickled pipeline ({first_line(error)}): "
            f"{_remedy(path, error)}"
        ) from error


def _remedy(path: Path, error: Exception) -> str:
    """What to do about a pickle that does not load."""
    if "__main__" in str(error):
        return (
            f"it names what a notebook or script defined itself; define that in a file beside "
            f"{path.name}, such as steps.py, import it from there, and pickle the pipeline again"
        )

    if isinstance(error, ImportError) and error.name:
        return (
            f"install {error.name} here, or put its source file beside {path.name}: it travels "
            f"with the bundle"
        )

    return (
        "make it anew with joblib.dump(pipeline, path), and check that what it needs is installed"
    )
