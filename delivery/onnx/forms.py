"""The ways in which a pipeline is converted to ONNX, the most exact first.

`double` computes as scikit-learn does: columns of floats come in as double, and the converters of
delivery/onnx/converters/ compute in double. `mixed` does so until the first step that has no
converter there, which gets numbers of 32 bits and skl2onnx's own converter. `float` is skl2onnx's
own conversion of the whole, in numbers of 32 bits.
"""

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from delivery.errors import first_line
from delivery.onnx.graph import NotConvertible
from delivery.onnx.passes.folded_products import fold_products
from delivery.onnx.passes.ml_opset import declare_ml_opset
from delivery.onnx.passes.served_outputs import drop_unused, keep_served_outputs
from delivery.onnx.pipeline_parser import PipelineParser
from delivery.onnx.registry import converters
from delivery.onnx.texts.lower_case import drop_unused_lowered, lowered_columns
from delivery.onnx.texts.null_texts import null_texts_of
from delivery.recipe import Recipe, classes_of
from service.bundle import Column
from service.runtimes.onnx_model import LOWERED
from service.runtimes.outputs import DECISION, PROBABILITIES, SCORES

# Beyond them numbers of 32 and of 64 bits do not hold every integer.
EXACT_FLOATS_32, EXACT_FLOATS_64 = 2**24, 2**53
WITHOUT_FORM = ("date", "time", "period", "decimal", "bytes", "array")
COUNTED = ("datetime", "duration")
"""Kinds that go in as their count of units. A pipeline that uses them does not take it: it can only
drop them.
"""


@dataclass(frozen=True)
class Form:
    """One way to convert. name: as the manifest has it.

    convert: gives the graph's bytes; raises NotConvertible.
    """

    name: str
    convert: Callable[[Recipe, Sequence[Column]], bytes]


def convert_in_double(recipe: Recipe, columns: Sequence[Column]) -> bytes:
    """The form that computes as scikit-learn does."""
    return _converted(_with_own_converters, recipe, columns, False)


def convert_mixed(recipe: Recipe, columns: Sequence[Column]) -> bytes:
    """The form whose last steps may compute in 32 bits."""
    return _converted(_with_own_converters, recipe, columns, True)


def convert_in_float(recipe: Recipe, columns: Sequence[Column]) -> bytes:
    """The form of skl2onnx alone."""
    _require_exact_in_float(columns)
    return _converted(_with_skl2onnx, recipe, columns)


FORMS = (
    Form("double", convert_in_double),
    Form("mixed", convert_mixed),
    Form("float", convert_in_float),
)


def _converted(
    convert: Callable[..., Any], recipe: Recipe, columns: Sequence[Column], *options: bool
) -> bytes:
    _require_forms(columns)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            model = convert(recipe, columns, *options)
    except (NotConvertible, MemoryError):
        raise
    # A converter may raise anything; the reason goes into the manifest.
    except Exception as error:
        raise NotConvertible(first_line(error)) from error

    keep_served_outputs(model, recipe.outputs)
    declare_ml_opset(model)
    fold_products(model)
    drop_unused(model)
    drop_unused_lowered(model)
    raw: bytes = model.SerializeToString()
    return raw


def _require_forms(columns: Sequence[Column]) -> None:
    """Raise NotConvertible for a kind of column that no graph takes."""
    for column in columns:
        if column.dtype in WITHOUT_FORM:
            raise NotConvertible(
                f"column {column.name!r} is of kind {column.dtype}, which ONNX has no form for"
            )


def _with_own_converters(recipe: Recipe, columns: Sequence[Column], narrow: bool) -> Any:
    from skl2onnx import convert_sklearn

    _require_own_outputs(recipe)
    _require_exact_in_double(columns)
    known = converters()
    lowered = lowered_columns(recipe.pipeline, columns)
    parser = PipelineParser(null_texts_of(columns), narrow, lowered)
    return convert_sklearn(
        recipe.pipeline,
        initial_types=[*_exact_inputs(columns), *_lowered_inputs(lowered)],
        custom_conversion_functions={kind: known[kind].convert for kind in known},
        custom_shape_calculators={kind: known[kind].shape for kind in known},
        custom_parsers={type(recipe.pipeline): parser.root},
    )


def _require_exact_in_double(columns: Sequence[Column]) -> None:
    """Refuse integers that a double does not hold; raises NotConvertible."""
    for column in columns:
        largest = max(abs(column.minimum or 0), abs(column.maximum or 0))
        if column.nullable and column.dtype == "int" and largest > EXACT_FLOATS_64:
            raise NotConvertible(
                f"column {column.name!r} holds nulls and integers beyond 2^53, of which a float "
                f"loses the last digits"
            )


def _require_own_outputs(recipe: Recipe) -> None:
    """Raise NotConvertible for what the converters of this room do not give."""
    if SCORES in recipe.outputs:
        raise NotConvertible("score_samples has no form in double")

    _require_not_both(recipe)
    if DECISION in recipe.outputs and hasattr(recipe.pipeline, "predict_proba"):
        # Where others have their decisions, it has its probabilities.
        raise NotConvertible("the decision_function of what has probabilities is not in double")


def _require_not_both(recipe: Recipe) -> None:
    if {PROBABILITIES, DECISION} <= set(recipe.outputs):
        raise NotConvertible("predict_proba and decision_function at once have no ONNX form")


def _exact_inputs(columns: Sequence[Column]) -> list[tuple[str, Any]]:
    """Names and types of the inputs: one column each, then a mask of each with null texts."""
    from skl2onnx.common.data_types import (
        BooleanTensorType,
        DoubleTensorType,
        Float16TensorType,
        FloatTensorType,
        Int64TensorType,
        StringTensorType,
    )

    types = {
        "float16": Float16TensorType,
        "float32": FloatTensorType,
        "float64": DoubleTensorType,
        "int": Int64TensorType,
        "bool": BooleanTensorType,
        "string": StringTensorType,
    }
    inputs = []
    for column in columns:
        kind = column.dtype
        if kind in COUNTED:
            kind = "int"
        elif column.nullable and kind != "string":
            # A null is NaN, as in the pipeline's own frame.
            kind = "float"
        if kind == "float":
            kind = _width(column)

        inputs.append((column.name, types[kind]([None, 1])))

    for number in null_texts_of(columns):
        inputs.append((f"is_null_{number}", BooleanTensorType([None, 1])))

    return inputs


def _lowered_inputs(numbers: Sequence[int]) -> list[tuple[str, Any]]:
    """Columns of texts once more, in lower case."""
    from skl2onnx.common.data_types import StringTensorType

    return [(f"{LOWERED}{number}", StringTensorType([None, 1])) for number in numbers]


def _width(column: Column) -> str:
    """The numbers that the pipeline's own frame holds, to which a value is rounded."""
    frame = "" if column.frame is None else column.frame.dtype.partition("[")[0].lower()
    names = {"float16": "float16", "halffloat": "float16", "float32": "float32", "float": "float32"}
    return names.get(frame, "float64")


def _with_skl2onnx(recipe: Recipe, columns: Sequence[Column]) -> Any:
    from skl2onnx import to_onnx

    _require_not_both(recipe)
    return to_onnx(recipe.pipeline, initial_types=_float_inputs(columns), options=_options(recipe))


def _options(recipe: Recipe) -> dict[int, dict[str, bool]] | None:
    """What the converter is asked for beside the prediction: plain tables of the asked output."""
    pipeline = recipe.pipeline
    last = pipeline[-1] if hasattr(pipeline, "steps") else pipeline
    if SCORES in recipe.outputs:
        return {id(last): {"score_samples": True}}

    if DECISION in recipe.outputs and classes_of(pipeline) is not None:
        return {id(last): {"zipmap": False, "raw_scores": True}}

    if hasattr(pipeline, "predict_proba"):
        return {id(pipeline): {"zipmap": False}}

    return None


def _require_exact_in_float(columns: Sequence[Column]) -> None:
    """Refuse columns that 32 bits do not hold; raises NotConvertible."""
    for column in columns:
        if not column.nullable or column.dtype in COUNTED:
            continue

        if column.dtype == "string":
            raise NotConvertible("skl2onnx has no form for nulls in a column of texts")

        largest = max(abs(column.minimum or 0), abs(column.maximum or 0))
        if column.dtype == "int" and largest > EXACT_FLOATS_32:
            raise NotConvertible(
                f"column {column.name!r} holds nulls and integers beyond 2^24, of which 32 bits "
                f"lose the last digits"
            )


def _float_inputs(columns: Sequence[Column]) -> list[tuple[str, Any]]:
    """Names and types of the inputs, one column each; a nullable number is a float."""
    from skl2onnx.common.data_types import (
        BooleanTensorType,
        FloatTensorType,
        Int64TensorType,
        StringTensorType,
    )

    types = {
        "float": FloatTensorType,
        "int": Int64TensorType,
        "bool": BooleanTensorType,
        "string": StringTensorType,
    }
    inputs = []
    for column in columns:
        if column.dtype in COUNTED:
            tensor_type = Int64TensorType
        else:
            tensor_type = FloatTensorType if column.nullable else types[column.dtype]

        inputs.append((column.name, tensor_type([None, 1])))

    return inputs
