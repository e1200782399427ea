"""Makes the calls of a direct form.

Pipeline and ColumnTransformer are replaced by calls of their steps, and known steps by their
arithmetic. Every other step is called as it is, on the array or frame that it gets from its
pipeline.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from service.bundle import Column
from service.rows import Columns
from service.runtimes.direct import registry
from service.runtimes.direct.arrays import array_reader
from service.runtimes.direct.errors import NoDirectForm
from service.runtimes.direct.step import Transform

# What scikit-learn calls a step that changes nothing.
PASSED = (None, "passthrough")
FromColumns = Callable[[Columns], Any]
FromArray = Callable[[Any], Any]


class FormMaker:
    """Makes the calls of one form.

    direct: names of the steps that have a direct form. called: of those called as they are.
    """

    def __init__(self, columns: Sequence[Column]) -> None:
        self._columns = {column.name: column for column in columns}
        self.direct: list[str] = []
        self.called: list[str] = []

    def pipeline(self, pipeline: Any, output: str) -> FromColumns:
        """The whole pipeline, whose last step answers by its method `output`.

        Raises NoDirectForm.
        """
        *transformers, last = steps_of(pipeline)
        names = self._fitted_names(pipeline)
        direct = registry.last_step(last, output)
        if transformers:
            read = self._chain(transformers, names, takes_dense=direct is not None)
        elif direct is not None:
            read = self._array(names)
        else:
            raise NoDirectForm("none of its steps has one")

        finish = self._noted(last, direct, getattr(last, output))
        return lambda columns: finish(read(columns))

    def _fitted_names(self, step: Any) -> list[str]:
        """The columns in the order of fit; all where the step was fitted on an array."""
        fitted = getattr(step, "feature_names_in_", None)
        if fitted is None:
            return list(self._columns)

        return [str(name) for name in fitted if str(name) in self._columns]

    def _array(self, names: Sequence[str], exact: bool = False) -> FromColumns:
        read = array_reader([self._columns[name] for name in names], exact)
        if read is None:
            raise NoDirectForm("its columns make no array")

        return read

    def _frame(self, names: Sequence[str]) -> FromColumns:
        """Reads the columns as the frame that the pipeline would have of them."""
        from service.frames import FrameBuilder

        builder = FrameBuilder([self._columns[name] for name in names])
        return lambda columns: builder.build({name: columns[name] for name in names})

    def _chain(self, steps: Sequence[Any], names: Sequence[str], takes_dense: bool) -> FromColumns:
        """Steps one after the other.

        takes_dense: what comes after takes a dense array where the pipeline has a sparse one.
        """
        first, *others = steps
        rest = [
            self._of_array(step, _dense_after(others, at, takes_dense))
            for at, step in enumerate(others)
        ]
        begin = self._of_columns(first, names, _dense_after(steps, 0, takes_dense))
        return lambda columns: _through(rest, begin(columns))

    def _of_columns(self, step: Any, names: Sequence[str], takes_dense: bool) -> FromColumns:
        """A step that gets columns of the pipeline's frame."""
        _refuse_other_output(step)
        kind = registry.class_name(step)
        if kind == "ColumnTransformer":
            return self._column_transformer(step, names, takes_dense)

        if kind == "Pipeline":
            return self._chain(steps_of(step), names, takes_dense)

        direct = registry.transformer(step, takes_dense)
        try:
            read = self._array(names, exact=kind in registry.ENCODERS)
        except NoDirectForm:
            direct = None

        if direct is None:
            read = self._frame(names)

        call = self._noted(step, direct, step.transform)
        return lambda columns: call(read(columns))

    def _of_array(self, step: Any, takes_dense: bool) -> FromArray:
        """A step that gets what the one before it made."""
        _refuse_other_output(step)
        if registry.class_name(step) != "Pipeline":
            return self._noted(step, registry.transformer(step, takes_dense), step.transform)

        steps = steps_of(step)
        calls = [
            self._of_array(inner, _dense_after(steps, at, takes_dense))
            for at, inner in enumerate(steps)
        ]
        return lambda block: _through(calls, block)

    def _noted(self, step: Any, direct: Transform | None, own: FromArray) -> FromArray:
        """The direct form for dense arrays, and the step's own method for all else."""
        name = type(step).__name__
        if direct is None:
            self.called.append(name)
            return own

        self.direct.append(name)

        def call(block: Any) -> Any:
            if type(block) is np.ndarray:
                return direct(block)

            return own(block)

        return call

    def _column_transformer(
        self, step: Any, names: Sequence[str], takes_dense: bool
    ) -> FromColumns:
        """Each part on its columns, side by side."""
        if step.transformer_weights:
            raise NoDirectForm("a ColumnTransformer with weights")

        is_dense = takes_dense or not step.sparse_output_
        parts = []
        for name, inner, chosen in step.transformers_:
            if inner == "drop":
                continue

            chosen_names = self._chosen_names(step, name, chosen, names)
            if chosen_names:
                is_series = bool(np.isscalar(chosen))
                parts.append(self._part(inner, chosen_names, is_series, is_dense))

        if not parts:
            raise NoDirectForm("a ColumnTransformer without columns")

        self.direct.append(type(step).__name__)

        def transform(columns: Columns) -> Any:
            blocks = [part(columns) for part in parts]
            if is_dense and all(type(block) is np.ndarray for block in blocks):
                return np.hstack(blocks)

            return step._hstack(blocks, n_samples=blocks[0].shape[0])

        return transform

    def _chosen_names(self, step: Any, part: str, chosen: Any, names: Sequence[str]) -> list[str]:
        """The columns of a part; raises NoDirectForm where a row does not have one."""
        indices = step._transformer_to_input_indices.get(part, chosen)
        fitted = getattr(step, "feature_names_in_", None)
        if fitted is None:
            fitted = names

        chosen_names = [str(fitted[index]) for index in indices]
        missing = set(chosen_names) - self._columns.keys()
        if missing:
            raise NoDirectForm(f"no row has {min(missing)!r}")

        return chosen_names

    def _part(
        self, step: Any, names: Sequence[str], is_series: bool, takes_dense: bool
    ) -> FromColumns:
        """A part of a ColumnTransformer. is_series: it gets its one column as a series."""
        if is_series:
            read = self._frame(names)
            self.called.append(type(step).__name__)
            return lambda columns: step.transform(read(columns).iloc[:, 0])

        if step == "passthrough" or _changes_nothing(step):
            return self._unchanged(names)

        return self._of_columns(step, names, takes_dense)

    def _unchanged(self, names: Sequence[str]) -> FromColumns:
        try:
            return self._array(names)
        except NoDirectForm:
            read = self._frame(names)
            return lambda columns: np.asarray(read(columns))


def steps_of(pipeline: Any) -> list[Any]:
    """The steps that do something, of a pipeline or of a single estimator."""
    if registry.class_name(pipeline) != "Pipeline":
        return [pipeline]

    steps = [step for _, step in pipeline.steps if step not in PASSED]
    if not steps:
        raise NoDirectForm("a pipeline without steps")

    return steps


def _dense_after(steps: Sequence[Any], at: int, takes_dense: bool) -> bool:
    """Whether all that follows a step takes a dense array for a sparse one."""
    following = steps[at + 1 :]
    return takes_dense and all(registry.transformer(step) is not None for step in following)


def _through(calls: Sequence[FromArray], block: Any) -> Any:
    for call in calls:
        block = call(block)

    return block


def _changes_nothing(step: Any) -> bool:
    """Whether it is what a ColumnTransformer makes of `passthrough`."""
    return (
        registry.class_name(step) == "FunctionTransformer"
        and step.func is None
        and not step.validate
    )


def _refuse_other_output(step: Any) -> None:
    """Raise NoDirectForm for a step that gives frames."""
    chosen = getattr(step, "_sklearn_output_config", {}).get("transform")
    if chosen not in (None, "default"):
        raise NoDirectForm(f"a step gives {chosen} frames")
