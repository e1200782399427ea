"""Walks through a pipeline and declares an operator of skl2onnx for each of its steps.

Unlike skl2onnx's own parsers it keeps the columns of a frame apart, each of its own type, until a
step joins them: so a step gets what scikit-learn gives it. A step without a converter of ours gets
one matrix of double, or of float, and goes to skl2onnx's parser.
"""

from collections.abc import Sequence
from copy import copy
from typing import Any

from skl2onnx._parse import _parse_sklearn
from skl2onnx.common.data_types import DoubleTensorType, FloatTensorType, StringTensorType
from sklearn.base import ClusterMixin, OutlierMixin, is_classifier
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import FeatureUnion, Pipeline
from sklearn.preprocessing import FunctionTransformer

from delivery.onnx.connectors import (
    Concatenate,
    MultiplyByWeight,
    NullTexts,
    SelectColumns,
    ToFloat32,
    Transformation,
)
from delivery.onnx.graph import NotConvertible
from delivery.onnx.registry import converter_of
from delivery.onnx.texts.lower_case import lowers

Variables = list[Any]


class PipelineParser:
    """Parses one pipeline.

    null_texts: by the number of a column of texts that holds nulls the text that stands for null;
    the masks are the inputs after those of all columns, in that order.
    lowered: the numbers of the columns of texts that there are in lower case, too: the last inputs.
    narrow: steps without a converter of ours get numbers of 32 bits.
    """

    def __init__(
        self, null_texts: dict[int, bytes], narrow: bool, lowered: Sequence[int] = ()
    ) -> None:
        self.null_texts, self.narrow, self.lowered = null_texts, narrow, lowered
        self.lowered_of: dict[str, Any] = {}

    def root(self, scope: Any, model: Any, inputs: Any, custom_parsers: Any = None) -> Variables:
        """The outputs of the whole pipeline, as skl2onnx calls a parser."""
        del custom_parsers
        scope.pipeline_parser = self
        count = len(inputs) - len(self.null_texts) - len(self.lowered)
        columns, others = list(inputs[:count]), list(inputs[count:])
        masks = others[: len(self.null_texts)]
        for (number, text), mask in zip(self.null_texts.items(), masks, strict=True):
            column = columns[number]
            (columns[number],) = self._declare(
                scope, NullTexts(text), [column, mask], (column.raw_name,)
            )
            columns[number].set_type(StringTensorType([None, 1]))

        for number, text in zip(self.lowered, others[len(masks) :], strict=True):
            self.lowered_of[columns[number].onnx_name] = text

        outputs = self.parse(scope, model, columns)
        if len(outputs) > 1 and not hasattr(model, "predict"):
            raise NotConvertible("its answer has columns of several kinds")

        return outputs

    def parse(self, scope: Any, model: Any, inputs: Sequence[Any]) -> Variables:
        """Declare the operators of a step and of all within it; returns its outputs."""
        if isinstance(model, str) or model is None:
            return _of_text(model, inputs)
        if type(model) is FunctionTransformer and model.func is None:
            return list(inputs)
        if type(model) is Pipeline or _is_of_imbalanced_learn(model):
            return self._pipeline(scope, model, inputs)
        if type(model) is ColumnTransformer:
            return self._column_transformer(scope, model, inputs)
        if type(model) is FeatureUnion:
            return self._feature_union(scope, model, inputs)

        if type(model) is SimpleImputer and _are_mixed(inputs):
            return self._imputed_apart(scope, model, inputs)

        converter = converter_of(model)
        if converter is not None:
            if lowers(model):
                inputs = list(map(self._lowered, inputs))

            return self._declare(scope, model, inputs, converter.outputs or _outputs_of(model))

        return self._other(scope, model, inputs)

    def _declare(
        self, scope: Any, model: Any, inputs: Sequence[Any], outputs: Sequence[str]
    ) -> Variables:
        """Declare one operator; its converter is found by the model's class."""
        operator = scope.declare_local_operator(f"Sluice{type(model).__name__}", model)
        for variable in inputs:
            operator.inputs.append(variable)
        for name in outputs:
            operator.outputs.append(scope.declare_local_variable(name, DoubleTensorType()))

        return list(operator.outputs)

    def _transformed(self, scope: Any, model: Any, inputs: Sequence[Any]) -> Variables:
        """What a step gives to the next: its columns, or of a cluster its distances."""
        if hasattr(model, "transform") and is_classifier(model):
            return self._declare(scope, Transformation(model), inputs, ("transformed",))

        outputs = self.parse(scope, model, inputs)
        if isinstance(model, str) or model is None or not hasattr(model, "predict"):
            return outputs

        return outputs[-1:]

    def _pipeline(self, scope: Any, model: Pipeline, inputs: Sequence[Any]) -> Variables:
        *steps, (_, last) = model.steps
        values = list(inputs)
        for _, step in steps:
            if hasattr(step, "fit_resample"):
                # It chooses training rows; predictions pass it by.
                continue

            values = self._transformed(scope, step, values)

        return self.parse(scope, last, values)

    def _column_transformer(
        self, scope: Any, model: ColumnTransformer, inputs: Sequence[Any]
    ) -> Variables:
        weights = model.transformer_weights or {}
        outputs: Variables = []
        for name, step, _ in model.transformers_:
            numbers = model._transformer_to_input_indices[name]
            if _is_dropped(step) or len(numbers) == 0:
                continue

            chosen = self._chosen(scope, model, inputs, list(numbers))
            values = self._transformed(scope, step, chosen)
            outputs += self._weighed(scope, values, weights.get(name))

        return self._joined(scope, outputs)

    def _chosen(
        self, scope: Any, model: Any, inputs: Sequence[Any], numbers: list[int]
    ) -> Variables:
        """The input columns of these numbers, in the order of the frame that it was fitted on."""
        by_name = {variable.raw_name: variable for variable in inputs}
        names = getattr(model, "feature_names_in_", None)
        if names is not None and all(str(names[number]) in by_name for number in numbers):
            return [by_name[str(names[number])] for number in numbers]

        if all(list(variable.type.shape[1:]) == [1] for variable in inputs):
            return [inputs[number] for number in numbers]

        if len(inputs) != 1:
            raise NotConvertible("a ColumnTransformer after steps whose columns are not known")

        return self._declare(scope, SelectColumns(tuple(map(int, numbers))), inputs, ("chosen",))

    def _feature_union(self, scope: Any, model: FeatureUnion, inputs: Sequence[Any]) -> Variables:
        weights = model.transformer_weights or {}
        outputs: Variables = []
        for name, step in model.transformer_list:
            if _is_dropped(step):
                continue

            values = self._transformed(scope, step, inputs)
            outputs += self._weighed(scope, values, weights.get(name))

        return self._joined(scope, outputs)

    def _imputed_apart(self, scope: Any, model: SimpleImputer, inputs: Sequence[Any]) -> Variables:
        """Of texts and numbers together every column by an imputer of its own."""
        if model.indicator_ is not None:
            raise NotConvertible("SimpleImputer adds flags to texts and numbers together")

        outputs: Variables = []
        for number, variable in enumerate(inputs):
            of_column = copy(model)
            of_column.statistics_ = model.statistics_[number : number + 1]
            of_column.n_features_in_ = 1
            outputs += self._declare(scope, of_column, [variable], ("imputed",))

        return outputs

    def _weighed(self, scope: Any, values: Variables, weight: float | None) -> Variables:
        if weight is None:
            return values

        return self._declare(scope, MultiplyByWeight(float(weight)), values, ("weighed",))

    def _joined(self, scope: Any, values: Variables) -> Variables:
        if len(values) == 1:
            return values

        return self._declare(scope, Concatenate(), values, ("joined",))

    def _lowered(self, text: Any) -> Any:
        """The same column of texts in lower case."""
        if text.onnx_name not in self.lowered_of:
            raise NotConvertible("a vectorizer lower-cases texts that are no column of the frame")

        return self.lowered_of[text.onnx_name]

    def _other(self, scope: Any, model: Any, inputs: Sequence[Any]) -> Variables:
        """A step that only skl2onnx may know."""
        values = list(inputs)
        if len(values) > 1 or not isinstance(values[0].type, StringTensorType):
            connector = ToFloat32() if self.narrow else Concatenate()
            values = self._declare(scope, connector, values, ("joined",))
            if self.narrow:
                values[0].set_type(FloatTensorType([None, None]))

        options = scope._get_allowed_options(model, fail=False) or {}
        if "zipmap" in options:
            scope.add_options(id(model), {"zipmap": False})

        return list(_parse_sklearn(scope, model, values, custom_parsers=None))


def _is_of_imbalanced_learn(model: Any) -> bool:
    """Whether it is a pipeline that may also choose training rows."""
    return isinstance(model, Pipeline) and type(model).__module__ == "imblearn.pipeline"


def _are_mixed(inputs: Sequence[Any]) -> bool:
    """Whether single columns of texts and of numbers come in."""
    texts = [isinstance(variable.type, StringTensorType) for variable in inputs]
    are_single = all(list(variable.type.shape[1:]) == [1] for variable in inputs)
    return are_single and any(texts) and not all(texts)


def _is_dropped(step: Any) -> bool:
    return isinstance(step, str) and step == "drop"


def _of_text(model: str | None, inputs: Sequence[Any]) -> Variables:
    if model in ("passthrough", None):
        return list(inputs)

    raise NotConvertible(f"a step is {model!r}")


def _outputs_of(model: Any) -> tuple[str, ...]:
    """Names of the outputs that such an estimator has."""
    if is_classifier(model):
        return ("label", "probabilities")
    if isinstance(model, OutlierMixin | ClusterMixin):
        return ("label", "scores")

    return ("variable",)
