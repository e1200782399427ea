"""What a fitted pipeline learned of each column: values of encoders, and texts of vectorizers.

A column is followed by its name through transformers of columns, pipelines and steps that keep
every column in its place, such as imputers. Behind a function it is no longer known.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

Names = Sequence[str | None]


@dataclass(frozen=True)
class LearnedColumn:
    """values: those that an encoder knows; None where a vectorizer takes the column for text."""

    values: frozenset[Any] | None

    @property
    def is_text(self) -> bool:
        """Whether texts were learned."""
        return self.values is None or any(isinstance(value, str) for value in self.values)


def learned_columns(pipeline: Any) -> dict[str, LearnedColumn]:
    """What was learned, by column; the step that meets a column first decides."""
    from delivery.proof.learned_values import parts_of

    columns: dict[str, LearnedColumn] = {}
    for part in parts_of(pipeline):
        names = getattr(part, "feature_names_in_", None)
        if names is None:
            continue

        for name, learned in _learned(part, names):
            columns.setdefault(name, learned)

    return columns


def reads_texts(pipeline: Any) -> bool:
    """Whether the pipeline begins with a vectorizer, so that its only column is texts."""
    steps = getattr(pipeline, "steps", None)
    if steps:
        return _is_vectorizer(steps[0][1])

    return _is_vectorizer(pipeline)


def _is_vectorizer(part: Any) -> bool:
    return hasattr(part, "build_analyzer")


def _learned(part: Any, names: Names) -> Iterator[tuple[str, LearnedColumn]]:
    """What a part learned of its columns, given their names (None: not known)."""
    if _is_vectorizer(part):
        for name in names:
            if name is not None:
                yield name, LearnedColumn(None)
    elif hasattr(part, "transformers_"):
        for _, inner, chosen in part.transformers_:
            yield from _learned(inner, _chosen_names(names, chosen))
    elif hasattr(part, "transformer_list"):
        for _, inner in part.transformer_list:
            yield from _learned(inner, names)
    elif isinstance(getattr(part, "steps", None), list):
        for _, step in part.steps:
            yield from _learned(step, names)
            names = _output_names(step, names)
    else:
        yield from _categories(part, names)


def _categories(part: Any, names: Names) -> Iterator[tuple[str, LearnedColumn]]:
    categories = getattr(part, "categories_", None)
    if not isinstance(categories, list | tuple) or len(categories) != len(names):
        return

    for name, values in zip(names, categories, strict=True):
        if name is not None:
            yield name, LearnedColumn(frozenset(np.asarray(values, dtype=object).tolist()))


def _chosen_names(names: Names, chosen: Any) -> Names:
    """The names of the columns that a transformer of columns gives to a step."""
    if isinstance(chosen, str):
        return [chosen]

    if not isinstance(chosen, slice):
        listed = np.atleast_1d(np.asarray(chosen)).tolist()
        if all(isinstance(name, str) for name in listed):
            return list(map(str, listed))
        chosen = np.asarray(chosen)

    try:
        return list(np.atleast_1d(np.asarray(names, dtype=object)[chosen]))
    except (IndexError, TypeError):
        return []


def _output_names(step: Any, names: Names) -> Names:
    """The names of the columns that a step gives on; empty where it does not keep their order."""
    if step is None or step == "passthrough":
        return names

    if getattr(step, "func", None) is not None:
        return []

    if hasattr(step, "transformers_"):
        return _output_names_of_columns(step, names)

    if isinstance(getattr(step, "steps", None), list):
        for _, inner in step.steps:
            names = _output_names(inner, names)
        return names

    return _names_by_features(step, names)


def _names_by_features(step: Any, names: Names) -> Names:
    """The names after a step that names its features; columns that it adds have no name."""
    try:
        known = getattr(step, "feature_names_in_", None)
        features = [f"x{number}" for number in range(len(names))]
        if known is not None:
            features = list(known)

        output = list(step.get_feature_names_out(features))
    except Exception:  # noqa: BLE001 (a step may raise anything)
        return []

    if output[: len(names)] != features:
        return []

    return [*names, *[None] * (len(output) - len(names))]


def _output_names_of_columns(step: Any, names: Names) -> Names:
    """The names as a transformer of columns puts the results of its parts side by side."""
    slices = getattr(step, "output_indices_", {})
    width = max((indices.stop for indices in slices.values()), default=0)
    output: list[str | None] = [None] * width
    for name, inner, chosen in step.transformers_:
        names_of_part = _output_names(inner, _chosen_names(names, chosen))
        indices = slices.get(name, slice(0, 0))
        if len(names_of_part) == indices.stop - indices.start:
            output[indices] = names_of_part

    return output
