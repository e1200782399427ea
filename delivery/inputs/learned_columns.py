"""What a fitted pipeline learnt of each column of its frame: the values of its encoders, and which
columns its vectorizers read as texts.

A column is followed by its name through transformers of columns, pipelines and steps that keep
every column in its place, such as imputers. Behind a function it is no longer known."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

Names = Sequence[str | None]


@dataclass(frozen=True)
class Learnt:
    """values: those an encoder knows of the column; None where a vectorizer takes it for text."""

    values: frozenset[Any] | None

    @property
    def is_text(self) -> bool:
        """Whether texts were learnt."""
        return self.values is None or any(isinstance(value, str) for value in self.values)


def learned_columns(pipeline: Any) -> dict[str, Learnt]:
    """By column; the step that meets a column first decides."""
    from delivery.proof.learned_values import parts_of

    found: dict[str, Learnt] = {}
    for part in parts_of(pipeline):
        names = getattr(part, "feature_names_in_", None)
        for name, learnt in _learnt(part, names) if names is not None else ():
            found.setdefault(name, learnt)

    return found


def reads_texts(pipeline: Any) -> bool:
    """Whether the pipeline begins with a vectorizer, so that its only column is texts."""
    steps = getattr(pipeline, "steps", None)
    return _is_vectorizer(steps[0][1] if steps else pipeline)


def _is_vectorizer(part: Any) -> bool:
    return hasattr(part, "build_analyzer")


def _learnt(part: Any, names: Names) -> Iterator[tuple[str, Learnt]]:
    """What a part learnt of its columns, given their names (None: not known)."""
    if _is_vectorizer(part):
        yield from ((name, Learnt(None)) for name in names if name is not None)
    elif hasattr(part, "transformers_"):
        for _, inner, chosen in part.transformers_:
            yield from _learnt(inner, _chosen(names, chosen))
    elif hasattr(part, "transformer_list"):
        for _, inner in part.transformer_list:
            yield from _learnt(inner, names)
    elif isinstance(getattr(part, "steps", None), list):
        for _, step in part.steps:
            yield from _learnt(step, names)
            names = _behind(step, names)
    else:
        yield from _categories(part, names)


def _categories(part: Any, names: Names) -> Iterator[tuple[str, Learnt]]:
    learnt = getattr(part, "categories_", None)
    if not isinstance(learnt, list | tuple) or len(learnt) != len(names):
        return

    for name, values in zip(names, learnt, strict=True):
        if name is not None:
            yield name, Learnt(frozenset(np.asarray(values, dtype=object).tolist()))


def _chosen(names: Names, chosen: Any) -> Names:
    """The names of the columns that a transformer of columns gives to a step."""
    if isinstance(chosen, str):
        return [chosen]
    if not isinstance(chosen, slice):
        listed = np.atleast_1d(np.asarray(chosen)).tolist()
        if all(isinstance(each, str) for each in listed):
            return [str(each) for each in listed]
        chosen = np.asarray(chosen)

    try:
        return list(np.atleast_1d(np.asarray(names, dtype=object)[chosen]))
    except (IndexError, TypeError):
        return []


def _behind(step: Any, names: Names) -> Names:
    """The names of the columns that a step gives on; empty where it does not keep their places."""
    if step is None or step == "passthrough":
        return names
    if getattr(step, "func", None) is not None:
        return []
    if hasattr(step, "transformers_"):
        return _behind_columns(step, names)
    if isinstance(getattr(step, "steps", None), list):
        for _, inner in step.steps:
            names = _behind(inner, names)
        return names

    places = [f"x{place}" for place in range(len(names))]
    try:
        known = getattr(step, "feature_names_in_", None)
        asked = places if known is None else list(known)
        given = list(step.get_feature_names_out(asked))
    except Exception:  # noqa: BLE001 (a step may raise anything)
        return []

    if given[: len(names)] != asked:
        return []
    return [*names, *[None] * (len(given) - len(names))]


def _behind_columns(step: Any, names: Names) -> Names:
    """As a transformer of columns puts the results of its parts side by side."""
    places = getattr(step, "output_indices_", {})
    behind: list[str | None] = [None] * max((each.stop for each in places.values()), default=0)
    for name, inner, chosen in step.transformers_:
        kept = _behind(inner, _chosen(names, chosen))
        place = places.get(name, slice(0, 0))
        if len(kept) == place.stop - place.start:
            behind[place] = kept
    return behind
