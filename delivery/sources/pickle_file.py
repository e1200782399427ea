"""Loads a pipeline from a pickle, which runs code: only one's own."""

from pathlib import Path
from typing import Any

from delivery.errors import AnotherScikitLearn, DeliveryError, first_line
from delivery.proof.library_versions import made_by, refuse_another_scikit_learn

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
        _refuse_if_another_made_it(path, error)
        raise DeliveryError(
            f"{path} cannot be loaded as a pickled pipeline ({first_line(error)}): "
            f"{_remedy(path, error)}"
        ) from error


def _refuse_if_another_made_it(path: Path, error: Exception) -> None:
    """Raise AnotherScikitLearn where a pickle that cannot be loaded names another one."""
    from sklearn import __version__ as here

    other = made_by(path.read_bytes())
    # What a notebook defined is missing in any environment.
    if "__main__" not in str(error) and other is not None and other != here:
        raise AnotherScikitLearn(
            f"{path} was pickled by scikit-learn {other} and cannot be loaded with {here} "
            f"({first_line(error)}): deliver from an environment with scikit-learn {other}, or fit "
            f"the pipeline anew",
            other,
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
            f"name its package in a file (`deliver --environment FILE`), install {error.name} "
            f"here, or put its source file beside {path.name}: it travels with the bundle"
        )

    return (
        "make it anew with joblib.dump(pipeline, path), and check that what it needs is installed"
    )
