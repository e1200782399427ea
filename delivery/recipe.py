"""A fitted pipeline with what proves it, and the checks of its parts."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from delivery.errors import DeliveryError
from service.runtimes.outputs import DECISION, PREDICT, PROBABILITIES, SCORES, TRANSFORM

if TYPE_CHECKING:
    import pandas as pd

OUTPUTS = (PREDICT, PROBABILITIES, DECISION, SCORES, TRANSFORM)


@dataclass(frozen=True)
class Recipe:
    """A fitted pipeline and what proves it.

    held_out: frame of rows it was not trained on, or one column as a series or a list.
    labels: their truth (None: no metrics).
    output: what is served, a method of the pipeline or several of them; a rollout is judged by the
    first.
    targets: names of what `predict` gives where it gives several values a row (None: the columns of
    the labels).
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
    output: str | Sequence[str] = PREDICT
    training: "pd.DataFrame | None" = None
    one_row_at_a_time: bool = False
    side_effects: bool = False
    segments: Sequence[str] | None = None
    targets: Sequence[str] | None = None

    @property
    def outputs(self) -> tuple[str, ...]:
        """All outputs, the judged one first."""
        if isinstance(self.output, str):
            return (self.output,)

        return tuple(self.output)


def classes_of(pipeline: Any) -> Any:
    """The classes that a pipeline was fitted with; None of a regression, for which CatBoost has an
    empty list.
    """
    classes = getattr(pipeline, "classes_", None)
    return None if classes is None or len(classes) == 0 else classes


@dataclass(frozen=True)
class Source:
    """A recipe and the file or folder it came from.

    kind: recipe, pickle, skops or mlflow. sha256: of the file, or of a folder's files.
    requirements: the packages that the source names, as pip reads them; empty where it names none.
    modules: the folder of its modules, None for that of the file.
    """

    recipe: Recipe
    kind: str
    path: Path
    sha256: str
    requirements: tuple[str, ...] = ()
    modules: Path | None = None

    @property
    def code(self) -> Path:
        """The folder whose modules travel with it."""
        return self.modules or self.path.resolve().parent


def checked(recipe: Any, path: Path) -> Recipe:
    """The recipe with its rows as frames; raises DeliveryError naming the part at fault."""
    if not isinstance(recipe, Recipe):
        raise DeliveryError(
            f"{path}: build() returned {type(recipe).__name__}, not a delivery.recipe.Recipe"
        )

    _require_outputs(recipe, path)
    for name in ("segments", "targets"):
        if isinstance(getattr(recipe, name), str):
            raise DeliveryError(f"{path}: {name} is a list of texts, not a text")

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


def _require_outputs(recipe: Recipe, path: Path) -> None:
    """Raise DeliveryError for outputs that do not exist, or that the pipeline lacks."""
    if not isinstance(recipe.output, str | list | tuple):
        raise DeliveryError(
            f"{path}: output is one of {', '.join(OUTPUTS)} or a list of them, not "
            f"{recipe.output!r}"
        )

    outputs = recipe.outputs
    if not outputs:
        raise DeliveryError(f"{path}: output is empty: name one of {', '.join(OUTPUTS)}")

    for name in outputs:
        if name not in OUTPUTS:
            raise DeliveryError(f"{path}: output is one of {', '.join(OUTPUTS)}, not {name!r}")
        if outputs.count(name) > 1:
            raise DeliveryError(f"{path}: output names {name!r} twice")
        if not hasattr(recipe.pipeline, name):
            has = [output for output in OUTPUTS if hasattr(recipe.pipeline, output)]
            raise DeliveryError(
                f"{path}: the pipeline has no {name} (it has {', '.join(has) or 'none of them'})"
            )


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
