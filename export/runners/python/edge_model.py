"""Predicts with an exported version on this machine: onnxruntime (which brings numpy) is enough.

    model = EdgeModel(Path("edge"))
    model.predict([{"age": 41, "city": "Oslo"}])

As a program it reads rows as JSON lines and writes a prediction a line, or checks the folder:

    python edge_model.py --folder edge --key sluice.pub --check
"""

import argparse
import base64
import hashlib
import json
import math
import os
import re
import sys
from pathlib import Path
from typing import Any

os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
import numpy as np
import onnxruntime

MODEL, DESCRIPTION, MANIFEST, SIGNATURE = "model.onnx", "model.json", "manifest.json", "signature"
GOLDEN, REFUSED = "golden.jsonl", "refused.jsonl"
# A float stands for several integers beyond it.
EXACT_FLOATS = 2**53
NO_PREDICTION = (
    "the model has no prediction for a row, as where a value is unlike all that it was trained "
    "on: send values like those of training"
)
NO_END = "the row is nested too deeply: send an object of plain values"
LONGEST_COLUMN, LONGEST_DETAIL = 128, 300
DTYPES = {"double": np.float64, "float": np.float32, "int64": np.int64, "bool": np.bool_}


class EdgeError(Exception):
    """The folder cannot be used; the message has the cause and the next step."""


class RefusedRow(ValueError):
    """A row that the service refuses too. column: the one at fault, None of a row as a whole."""

    def __init__(self, column: str | None, detail: str) -> None:
        self.column, self.detail = column, detail
        super().__init__(detail if column is None else f"column {column!r}: {detail}")


class EdgeModel:
    """An exported version. key: the public key that it must be signed with; None: not checked.

    Every file that is used is compared with the manifest, and the golden rows are predicted first.
    Raises EdgeError.
    """

    def __init__(self, folder: Path, key: Path | None = None) -> None:
        self._files = _manifest_files(folder, key)
        self.folder = folder
        self.description = json.loads(self._read(DESCRIPTION))
        _require_version(onnxruntime.__version__, self.description["onnxruntime"])
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 4
        options.intra_op_num_threads = 1
        self._session = onnxruntime.InferenceSession(
            self._read(MODEL), options, providers=["CPUExecutionProvider"]
        )
        self._require_golden()

    def encode(self, row: Any) -> list[Any]:
        """The checked values of a row, in the order of the columns; raises RefusedRow."""
        return encode(row, self.description)

    def predict(self, rows: list[Any]) -> list[Any]:
        """One prediction a row; raises RefusedRow for the first row that does not fit."""
        encoded = list(map(self.encode, rows))
        if self.description["one_row_at_a_time"]:
            return [self._run([row])[0] for row in encoded]

        return self._run(encoded) if encoded else []

    def check(self) -> str:
        """Predict the golden rows, and see that what the service refuses is refused here too."""
        refused = list(map(json.loads, self._read(REFUSED).splitlines()))
        for number, case in enumerate(refused, start=1):
            try:
                self.encode(case["row"])
                answer = None
            except RefusedRow as error:
                answer = [error.column, error.detail]

            if answer != [case["column"], case["detail"]]:
                raise EdgeError(f"{REFUSED}, line {number}: answers {answer}")

        golden, largest = self._require_golden()
        return (
            f"{golden} golden rows equal (largest difference {largest:.2g}), {len(refused)} bad "
            f"rows refused, onnxruntime {onnxruntime.__version__}"
        )

    def _run(self, encoded: list[list[Any]]) -> list[Any]:
        feed = {}
        for tensor in self.description["inputs"]:
            values = [row[tensor["column"]] for row in encoded]
            feed[tensor["name"]] = _tensor(values, tensor["type"], tensor["form"])

        outputs = self.description["outputs"]
        try:
            arrays = self._session.run([output["tensor"] for output in outputs], feed)
        # onnxruntime has an exception for each of its own status codes.
        except Exception as error:
            raise RefusedRow(None, NO_PREDICTION) from error

        answers = {}
        for output, array in zip(outputs, arrays, strict=True):
            answers[output["name"]] = _listed(output, array, self.description["classes"])

        if len(answers) == 1:
            return next(iter(answers.values()))

        rows = zip(*answers.values(), strict=True)
        return [dict(zip(answers, row, strict=True)) for row in rows]

    def _read(self, name: str) -> bytes:
        """The bytes of a file, as the manifest has them; raises EdgeError."""
        raw = _file(self.folder / name)
        if hashlib.sha256(raw).hexdigest() != self._files.get(name):
            raise EdgeError(f"{name} was changed after it was signed: export the version again")

        return raw

    def _require_golden(self) -> tuple[int, float]:
        """How many golden rows there are, and their largest difference; raises EdgeError."""
        golden = list(map(json.loads, self._read(GOLDEN).splitlines()))
        answers = self.predict([line["row"] for line in golden])
        largest = 0.0
        for number, (line, answer) in enumerate(zip(golden, answers, strict=True), start=1):
            size = difference(line["answer"], answer, self.description["scale"])
            largest = max(largest, size)
            if not size <= self.description["tolerance"]:
                raise EdgeError(
                    f"{GOLDEN}, line {number}: predicts {answer} where {line['answer']} was "
                    f"exported: use onnxruntime {self.description['onnxruntime']}"
                )

        return len(golden), largest


def encode(row: Any, description: dict[str, Any]) -> list[Any]:
    """The checked values of a row, in the order of the columns; raises RefusedRow."""
    if not isinstance(row, dict):
        raise RefusedRow(None, description["no_object"][_kind(row)])

    columns = {column["name"]: column for column in description["columns"]}
    values = {}
    for name, value in row.items():
        if name not in columns:
            raise RefusedRow(_short(str(name), LONGEST_COLUMN), _unknown(description, str(name)))

        values[name] = _checked(columns[name], value)

    for name, column in columns.items():
        if name not in values:
            raise RefusedRow(_short(name, LONGEST_COLUMN), column["missing"])

    return [values[name] for name in columns]


def difference(expected: Any, answer: Any, scale: Any = 1.0) -> float:
    """How much two predictions differ: numbers relative to their size or the scale, whichever is
    larger; classes by 0 or infinity; lists and several outputs by the largest.
    """
    if isinstance(expected, list | dict):
        if type(answer) is not type(expected) or len(answer) != len(expected):
            return math.inf

        largest = 0.0
        for at in expected if isinstance(expected, dict) else range(len(expected)):
            part = scale[at] if isinstance(scale, list | dict) else scale
            largest = max(largest, difference(expected[at], answer[at], part))

        return largest

    if isinstance(expected, float):
        if not isinstance(answer, int | float):
            return math.inf

        return float(abs(expected - answer) / max(scale, abs(expected)))

    return 0.0 if expected == answer else math.inf


def _checked(column: dict[str, Any], value: Any) -> Any:
    """The value as the column's tensor takes it; raises RefusedRow."""
    name = _short(column["name"], LONGEST_COLUMN)
    if isinstance(value, np.generic):
        value = value.item()

    if value is None and column["nullable"]:
        return None

    if isinstance(value, float) and math.isnan(value):
        raise RefusedRow(name, "NaN is no value of JSON: send null where a number is missing")

    if isinstance(value, float) and math.isinf(value):
        raise RefusedRow(name, "Number out of range")

    kind = _kind(value)
    if column["type"] == "int" and kind == "float" and isinstance(value, int):
        kind = "int"
    if column["type"] == "int" and kind == "float" and _is_whole(value):
        value, kind = int(value), "int"
    if column["type"] == "float" and isinstance(value, int) and kind != "bool":
        value, kind = _float(name, value), "float"

    if kind in column["refusals"]:
        raise RefusedRow(name, column["refusals"][kind])

    for bound, beyond in (("least", -1), ("most", 1)):
        if column[bound] is not None and (value - column[bound]) * beyond > 0:
            raise RefusedRow(name, column["refusals"][bound])

    if kind == "str" and not _is_unicode(value):
        raise RefusedRow(name, "the text holds half a character: send whole ones")

    return value


def _kind(value: Any) -> str:
    """The word of a value's kind in the service's messages."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "bool"
    if isinstance(value, int):
        return "int" if -(2**63) <= value < 2**64 else "float"
    if isinstance(value, float):
        return "float"
    if isinstance(value, str):
        return "str"
    return "array" if isinstance(value, list | tuple) else "object"


def _is_whole(value: float) -> bool:
    return value.is_integer() and abs(value) <= EXACT_FLOATS


def _float(name: str, value: int) -> float:
    try:
        return float(value)
    except OverflowError:
        raise RefusedRow(name, "Number out of range") from None


def _is_unicode(text: str) -> bool:
    return text == text.encode("utf-8", "replace").decode()


def _unknown(description: dict[str, Any], name: str) -> str:
    return _short(description["unknown"].replace("{}", name), LONGEST_DETAIL)


def _short(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[:most]}..."


def _tensor(values: list[Any], kind: str, form: str) -> np.ndarray:
    """One input, of shape [rows, 1]."""
    if form == "null_mask":
        values = [value is None for value in values]
    elif form == "lower_case":
        values = [value.lower() for value in values]
    elif kind == "string":
        values = ["" if value is None else value for value in values]
    elif kind in ("double", "float"):
        values = [math.nan if value is None else value for value in values]

    dtype = DTYPES.get(kind, object)
    return np.array(values, dtype=dtype).reshape(-1, 1)


def _listed(output: dict[str, Any], array: np.ndarray, classes: list[Any] | None) -> list[Any]:
    """One output's answer a row, as plain values; raises RefusedRow for what JSON cannot hold."""
    if array.dtype.kind == "f":
        array = array.astype(np.float64)
        if not np.isfinite(array).all():
            raise RefusedRow(None, "the model answered NaN or infinity")

    if output["shape"]:
        return list(array.tolist())

    values = array.reshape(len(array), -1)[:, -1].tolist()
    if output["classes"] and classes:
        by_value = dict(zip(classes, classes, strict=True))
        return [by_value[value] for value in values]

    return list(values)


def _manifest_files(folder: Path, key: Path | None) -> dict[str, str]:
    """Digests by file; raises EdgeError where the key did not sign them."""
    raw = _file(folder / MANIFEST)
    if key is not None:
        _require_signature(raw, _file(folder / SIGNATURE), key)

    try:
        return {name: file["sha256"] for name, file in json.loads(raw)["files"].items()}
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise EdgeError(f"{MANIFEST} is no manifest: export the version again") from error


def _require_signature(raw: bytes, signature: bytes, key: Path) -> None:
    try:
        from cryptography.exceptions import InvalidSignature
        from cryptography.hazmat.primitives.serialization import load_pem_public_key
    except ImportError as error:
        raise EdgeError(
            "the signature cannot be checked without the package cryptography: install it"
        ) from error

    try:
        load_pem_public_key(_file(key)).verify(base64.b64decode(signature), raw)  # type: ignore
    except (InvalidSignature, ValueError, AttributeError, TypeError) as error:
        raise EdgeError(
            f"{SIGNATURE} does not hold for {MANIFEST}: the manifest was changed, or another key "
            "signed it"
        ) from error


def _require_version(here: str, least: str) -> None:
    if _numbers(here) < _numbers(least):
        raise EdgeError(
            f"onnxruntime {here} is older than {least}, which the model is certified on: install "
            f"{least}"
        )


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(map(int, re.findall(r"\d+", version)[:3]))


def _file(path: Path) -> bytes:
    try:
        # A pipe would have nobody who writes to it.
        if path.exists() and not path.is_file():
            raise EdgeError(f"{path.name} is no file: export the version again")

        return path.read_bytes()
    except OSError as error:
        raise EdgeError(f"{path.name} cannot be read: {error.strerror}") from error


def _row(line: str) -> Any:
    """A row as JSON; raises ValueError."""
    try:
        return json.loads(line)
    except RecursionError:
        raise RefusedRow(None, NO_END) from None


def main() -> int:
    """Predict rows from standard input, or check the folder; returns the exit code."""
    parser = argparse.ArgumentParser(description="Predicts rows (JSON lines) with a version.")
    parser.add_argument("--folder", type=Path, default=Path(__file__).resolve().parent.parent)
    parser.add_argument("--key", type=Path, help="the public key that it must be signed with")
    parser.add_argument("--check", action="store_true", help="check golden and bad rows")
    options = parser.parse_args()
    try:
        model = EdgeModel(options.folder, options.key)
        if options.check:
            print(model.check())
            return 0

        for line in sys.stdin:
            print(json.dumps(model.predict([_row(line)])[0]), flush=True)
    except (EdgeError, ValueError) as error:
        print(error, file=sys.stderr)
        return 1

    return 0


if __name__ == "__main__":
    sys.exit(main())
