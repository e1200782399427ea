"""model.json: what a runner needs to know of a version to encode rows and read answers.

Columns carry the service's own refusals, taken from the service itself, so that a runner has no
message of its own to get wrong.
"""

import math
from typing import Any

import msgspec
import onnxruntime

from export.errors import ExportError
from export.onnxruntime_web import VERSION as WEB_VERSION
from service.bundle import Bundle, Column, Manifest
from service.bundle_files import ONNX
from service.columns.plain import FLOAT_LIMIT, HALF_LIMIT
from service.columns.registry import PLAIN
from service.predict import Predictor
from service.rows import BadRow, RowReader
from service.runtimes.onnx_model import LOWERED, onnx_output
from service.runtimes.outputs import PREDICT, outputs_of

FORMAT = 1
TENSORS = {
    "tensor(double)": "double",
    "tensor(float)": "float",
    "tensor(int64)": "int64",
    "tensor(bool)": "bool",
    "tensor(string)": "string",
}
# A value of each kind, by the service's word for it.
KINDS = {
    "str": '"x"',
    "bool": "true",
    "int": "1",
    "float": "1.5",
    "null": "null",
    "array": "[]",
    "object": "{}",
}
# Beyond what any whole number of 64 bits or float of 32 holds, and exact as a float of 64.
BEYOND = {"int": ("-36893488147419103232", "36893488147419103232"), "float": ("-1e39", "1e39")}
# Of each kind what a column may hold at most, the widest first.
LIMITS = {
    "int": {
        "least": [-(2**63), -(2**31), -(2**15), -(2**7), 0],
        "most": [2**bits - 1 for bits in (63, 32, 31, 16, 15, 8, 7)],
    },
    "float": {"least": [-FLOAT_LIMIT, -HALF_LIMIT], "most": [FLOAT_LIMIT, HALF_LIMIT]},
}


def describe(bundle: Bundle, refusals: "ServiceRefusals") -> dict[str, Any]:
    """The description of a version; raises ExportError."""
    manifest = bundle.manifest
    for column in manifest.columns:
        _require_plain(column)

    inputs, outputs = _tensors(bundle)
    columns = [_column(column, refusals) for column in manifest.columns]
    _refuse_nulls(columns, inputs, refusals)
    return {
        "format": FORMAT,
        "model": manifest.model,
        "version": manifest.version,
        "bundle": bundle.digest,
        "onnxruntime": onnxruntime.__version__,
        "onnxruntime-web": WEB_VERSION,
        "columns": columns,
        "unknown": refusals.unknown(),
        "no_object": refusals.no_object(),
        "inputs": inputs,
        "outputs": outputs,
        "classes": manifest.classes,
        "task": manifest.task,
        "one_row_at_a_time": manifest.one_row_at_a_time,
        "tolerance": manifest.comparison.golden,
        "scale": manifest.comparison.scale,
    }


class ServiceRefusals:
    """Asks the service what it says of a row. row: one that it predicts."""

    def __init__(self, predictor: Predictor, row: dict[str, Any]) -> None:
        self._predictor, self._reader = predictor, RowReader(predictor.manifest.columns)
        self._row = dict(zip(row, map(_json, row.values()), strict=True))

    def of_row(self, raw: str) -> BadRow | None:
        """The refusal of a row in JSON; None of one that fits the columns."""
        errors = self._reader.read(_body(raw)).errors
        return errors[0] if errors else None

    def of_null(self, name: str) -> str | None:
        """What is said of a null in a column that may have some, also where the model fails."""
        errors = self._predictor.predict(_body(self.changed(name, "null"))).errors
        return errors[0].detail if errors else None

    def changed(self, name: str, value: str | None) -> str:
        """The row in JSON with another value of a column, or without that column."""
        fields = []
        for key, text in {**self._row, name: value}.items():
            if text is not None:
                fields.append(f"{_json(key)}:{text}")

        return f"{{{','.join(fields)}}}"

    def of_value(self, name: str, value: str | None) -> str | None:
        """What the service says of the row with that value; None where it takes it."""
        refusal = self.of_row(self.changed(name, value))
        return None if refusal is None else refusal.detail

    def unknown(self) -> str:
        """What the service says of a row with a further column; `{}` in place of its name."""
        name = "n"
        while name in self._row:
            name += "n"

        detail = self.of_value(name, "1")
        assert detail is not None
        return detail.replace(f"`{name}`", "`{}`")

    def no_object(self) -> dict[str, str]:
        """What the service says of a row that is no object, by kind."""
        refusals = {}
        for kind, value in KINDS.items():
            if kind != "object" and (refusal := self.of_row(value)) is not None:
                refusals[kind] = refusal.detail

        return refusals


def _body(raw: str) -> bytes:
    return b'{"instances":[%b]}' % raw.encode()


def _json(value: Any) -> str:
    return msgspec.json.encode(value).decode()


def _require_plain(column: Column) -> None:
    dtype = column.dtype
    if dtype == "int" and column.frame and column.frame.dtype.lower().startswith("uint64"):
        dtype = "uint64"

    if dtype not in PLAIN:
        raise ExportError(
            f"column {column.name!r} is {dtype}, and the exported programs encode "
            f"{', '.join(PLAIN)}: give the pipeline numbers made of it, or serve this version"
        )


def _column(column: Column, refusals: ServiceRefusals) -> dict[str, Any]:
    refused = {}
    for kind, value in KINDS.items():
        if (detail := refusals.of_value(column.name, value)) is not None:
            refused[kind] = detail

    bounds: dict[str, Any] = {"least": None, "most": None}
    if column.dtype in BEYOND:
        for bound, value in zip(bounds, BEYOND[column.dtype], strict=True):
            refused[bound] = refusals.of_value(column.name, value) or ""
            bounds[bound] = _bound(column, bound, refusals)

    return {
        "name": column.name,
        "type": column.dtype,
        "nullable": column.nullable,
        **bounds,
        "missing": refusals.of_value(column.name, None),
        "refusals": refused,
        "seen": _seen(column),
    }


def _bound(column: Column, bound: str, refusals: ServiceRefusals) -> int | float:
    """The smallest or the largest number that the service takes, found by asking it."""
    for number in LIMITS[column.dtype][bound]:
        if refusals.of_value(column.name, repr(number)) is None:
            return number

    raise ExportError(f"column {column.name!r} takes none of the numbers that its kind holds")


def _refuse_nulls(
    columns: list[dict[str, Any]], inputs: list[dict[str, Any]], refusals: ServiceRefusals
) -> None:
    """Let runners refuse a null that the ONNX form has no value for, as the service does."""
    for tensor in inputs:
        column = columns[tensor["column"]]
        no_null = tensor["form"] == "lower_case" or tensor["type"] == "int64"
        if column["nullable"] and tensor["form"] != "null_mask" and no_null:
            detail = refusals.of_null(column["name"])
            if detail is not None:
                column["nullable"], column["refusals"]["null"] = False, detail


def _seen(column: Column) -> dict[str, Any]:
    """What training saw, as a hint for people."""
    seen: dict[str, Any] = {}
    if column.categories is not None:
        seen["categories"] = column.categories
    for name in ("minimum", "maximum"):
        number = getattr(column, name)
        if number is not None and math.isfinite(number):
            seen[name] = number

    return seen


def _tensors(bundle: Bundle) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """The graph's inputs, each with the column it comes from, and what is read of its outputs."""
    session = onnxruntime.InferenceSession(bundle.read(ONNX), providers=["CPUExecutionProvider"])
    manifest = bundle.manifest
    inputs = _inputs(session.get_inputs(), manifest)
    names = []
    for tensor in session.get_outputs():
        _tensor_type(tensor.type)
        names.append(tensor.name)

    outputs = []
    for output in outputs_of(manifest):
        outputs.append(
            {
                "name": output.name,
                "tensor": onnx_output(output.name, names),
                "shape": output.shape or [],
                "names": output.names,
                "numbers": output.datatype == "float",
                "classes": output.name == PREDICT and not output.shape,
            }
        )

    return inputs, outputs


def _inputs(tensors: list[Any], manifest: Manifest) -> list[dict[str, Any]]:
    """As service.runtimes.onnx_model.feeds_of orders them."""
    columns = manifest.columns
    masked = []
    for number, column in enumerate(columns):
        if column.dtype == "string" and column.nullable:
            masked.append(number)

    inputs = []
    for number, tensor in enumerate(tensors):
        if number < len(columns):
            form, source = "value", number
        elif tensor.name.startswith(LOWERED):
            form, source = "lower_case", int(tensor.name.removeprefix(LOWERED))
        else:
            form, source = "null_mask", masked[number - len(columns)]

        kind = _tensor_type(tensor.type)
        inputs.append({"name": tensor.name, "column": source, "type": kind, "form": form})

    return inputs


def _tensor_type(name: str) -> str:
    if name not in TENSORS:
        raise ExportError(
            f"the ONNX form has a {name}, which the exported programs do not hold: serve this "
            f"version"
        )

    return TENSORS[name]
