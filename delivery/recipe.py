"""Loads the pipeline to deliver: a recipe file with `build()`, or a pickle with a sample."""

import hashlib
import importlib.util
import sys
import traceback
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from delivery.errors import AnotherScikitLearn, DeliveryError, first_line
from delivery.inputs.samples import Report, read_sample
from delivery.proof.library_versions import made_by, refuse_another_scikit_learn

if TYPE_CHECKING:
    import pandas as pd

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
OUTPUTS = ("predict", "predict_proba")


@dataclass(frozen=True)
class Recipe:
    """A fitted pipeline and what proves it.

    held_out: frame of rows it was not trained on, or one column as a series or a list.
    labels: their truth (None: no metrics).
    output: what is served.
    training: the frame it was trained on, for ranges, categories and the digest (None: held_out
    stands in).
    one_row_at_a_time: each row is predicted alone, for a pipeline whose prediction of a row depends
    on the other rows of its batch.
    side_effects: a prediction changes something, so that no request is ever copied to it.
    segments: columns by whose values its rollout is looked at apart (None: the first three
    categories of at most 20 values; (): none).
    """

    pipeline: Any
    held_out: "pd.DataFrame"
    labels: Any
    output: str = "predict"
    training: "pd.DataFrame | None" = None
    one_row_at_a_time: bool = False
    side_effects: bool = False
    segments: Sequence[str] | None = None


@dataclass(frozen=True)
class Source:
    """A recipe and the file it came from. kind: recipe or pickle. sha256: of the file."""

    recipe: Recipe
    kind: str
    path: Path
    sha256: str


def load_source(
    path: Path,
    sample: Path | None = None,
    label: str | None = None,
    report: Report = lambda _line: None,
) -> Source:
    """Build the recipe of a .py file, or join a pickle with its sample; raises DeliveryError."""
    _require_file(path)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    if path.suffix == ".py":
        if sample is not None:
            raise DeliveryError(
                "--sample goes with a pickle; a recipe brings its own held-out rows"
            )
        return Source(checked(_build(path), path), "recipe", path, digest)

    if not _looks_pickled(path):
        raise DeliveryError(
            f"{path} is neither a recipe (.py with build()) nor a pickled pipeline "
            f"({', '.join(PICKLES)})"
        )

    if sample is None:
        raise DeliveryError(
            f"{path} is a pickle: add --sample with rows it has not seen (.parquet or .csv)"
        )

    recipe = _from_pickle(path, sample, label, report)
    return Source(checked(recipe, path), "pickle", path, digest)


def _require_file(path: Path) -> None:
    if path.is_file():
        return

    what = "is a folder" if path.is_dir() else "is not there"
    raise DeliveryError(f"{path} {what}: give a recipe (.py with build()) or a pickled pipeline")


def checked(recipe: Any, path: Path) -> Recipe:
    """The recipe with its rows as frames; raises DeliveryError naming the part at fault."""
    if not isinstance(recipe, Recipe):
        raise DeliveryError(
            f"{path}: build() returned {type(recipe).__name__}, not a delivery.recipe.Recipe"
        )

    if recipe.output not in OUTPUTS:
        raise DeliveryError(f"{path}: output is one of {', '.join(OUTPUTS)}, not {recipe.output!r}")
    if not hasattr(recipe.pipeline, recipe.output):
        raise DeliveryError(f"{path}: the pipeline has no {recipe.output}")

    if isinstance(recipe.segments, str):
        raise DeliveryError(f"{path}: segments is a list of columns, not a text")

    held_out, training = as_frame(recipe.held_out), as_frame(recipe.training)
    _require_frame("held_out", held_out, path)
    if training is not None:
        _require_frame("training", training, path)

    if len(held_out) == 0:
        raise DeliveryError(
            f"{path}: the held-out frame is empty: nothing would prove this version"
        )

    _require_label_for_each_row(recipe.labels, len(held_out), path)
    return replace(recipe, held_out=held_out, training=training)


def _require_frame(name: str, value: Any, path: Path) -> None:
    if not _is_frame(value):
        raise DeliveryError(f"{path}: {name} is {type(value).__name__}, not a pandas DataFrame")


def _require_label_for_each_row(labels: Any, rows: int, path: Path) -> None:
    if labels is None:
        return

    if not hasattr(labels, "__len__"):
        raise DeliveryError(
            f"{path}: labels is {type(labels).__name__}, not a series, an array or a list"
        )

    if len(labels) != rows:
        raise DeliveryError(f"{path}: {len(labels)} labels for {rows} held-out rows")


def as_frame(rows: Any) -> Any:
    """A series or a list of texts as a frame of one column; anything else as it is.

    The column has the name of the series, or else the name `text`.
    """
    import pandas as pd

    if isinstance(rows, list | tuple) and rows and all(map(_is_text_or_none, rows)):
        return pd.DataFrame({"text": pd.Series(list(rows), dtype=object)})

    if isinstance(rows, pd.Series):
        name = "text" if rows.name is None else str(rows.name)
        return rows.to_frame(name)

    return rows


def _is_text_or_none(value: Any) -> bool:
    return value is None or isinstance(value, str)


def _is_frame(value: Any) -> bool:
    import pandas as pd

    return isinstance(value, pd.DataFrame)


def _build(path: Path) -> Any:
    module = _import_recipe(path)
    if not hasattr(module, "build"):
        raise DeliveryError(f"{path} has no build(): a recipe defines `def build() -> Recipe`")

    try:
        with refuse_another_scikit_learn(path):
            return module.build()
    except DeliveryError:
        raise
    except (Exception, SystemExit) as error:
        raise DeliveryError(
            f"{path}: build() failed{_line_at_fault(path, error)}: "
            f"{first_line(error)}{_package_remedy(error)}"
        ) from error


def _import_recipe(path: Path) -> Any:
    spec = importlib.util.spec_from_file_location(f"recipe_{path.stem}", path)
    if spec is None or spec.loader is None:
        raise DeliveryError(f"{path} cannot be imported as a recipe")

    module = importlib.util.module_from_spec(spec)
    # Dataclasses look up the names of their annotations here; a pickle that names it is refused.
    sys.modules[spec.name] = module
    try:
        with refuse_another_scikit_learn(path):
            spec.loader.exec_module(module)
    except DeliveryError:
        raise
    except (Exception, SystemExit) as error:
        raise DeliveryError(
            f"{path} failed when it was imported{_line_at_fault(path, error)}: "
            f"{first_line(error)}{_package_remedy(error)}"
        ) from error

    return module


def _package_remedy(error: BaseException) -> str:
    """What to do about a package that is not installed; else nothing."""
    if not isinstance(error, ModuleNotFoundError):
        return ""
    return ". Name its package in a file: `deliver --environment FILE`"


def _line_at_fault(path: Path, error: BaseException) -> str:
    """` (line 12, in build)`: the innermost line at fault of the recipe or of a file beside it."""
    recipe = path.resolve()
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        # A frame of Python's own has a name such as <frozen importlib> for its file.
        file = Path(frame.filename).resolve()
        if file.parent == recipe.parent and not frame.filename.startswith("<"):
            prefix = "" if file == recipe else f"{file.name}, "
            return f" ({prefix}line {frame.lineno}, in {frame.name})"

    return ""


def _looks_pickled(path: Path) -> bool:
    with path.open("rb") as file:
        return path.suffix in PICKLES or file.read(8).startswith(PICKLE_STARTS)


def _from_pickle(path: Path, sample: Path, label: str | None, report: Report) -> Recipe:
    import joblib

    try:
        with refuse_another_scikit_learn(path):
            pipeline = joblib.load(path)
    except DeliveryError:
        raise
    except Exception as error:
        _refuse_if_another_made_it(path, error)
        raise DeliveryError(
            f"{path} cannot be loaded as a pickled pipeline ({first_line(error)}): "
            f"{_remedy(path, error)}"
        ) from error

    frame, labels = read_sample(sample, pipeline, label, report)
    output = "predict_proba" if hasattr(pipeline, "predict_proba") else "predict"
    return Recipe(pipeline, frame, labels, output)


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
