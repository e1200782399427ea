"""What a bundle holds, written into a folder: pickle, ONNX form, environment, golden rows,
manifest.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import joblib
import msgspec
import yaml

from delivery.errors import DeliveryError, first_line
from delivery.inputs import environment
from delivery.inputs.columns import with_inputs_as_fitted
from delivery.inputs.labels import cautions, require_labels
from delivery.inputs.local_modules import code_of
from delivery.inputs.signature import columns_of, rows_of
from delivery.proof import onnx_form
from delivery.proof.evaluation import held_out_metrics, latency_ms, task_of
from delivery.proof.invariance import dependence
from delivery.proof.output_checks import every_answer, require_one_answer_a_row
from delivery.proof.own_input import input_form
from delivery.proof.probe_rows import Probes, probes
from delivery.proof.self_test import Answered
from delivery.proof.served_check import PROBES, in_batches, require_invariance, require_own_answers
from delivery.recipe import Recipe, Source
from delivery.request import DeliveryRequest
from service.bundle import Bundle, Column, Comparison, File, Manifest, Runtime
from service.bundle_files import FORMAT, GOLDEN, MANIFEST, ONNX, PICKLE
from service.bundled_modules import is_module_file
from service.comparison import RULE, SAME_MODEL, golden_tolerance, scale_of
from service.model import Model, OnnxModel, PipelineModel, RowByRow
from service.rows import Columns

if TYPE_CHECKING:
    import pandas as pd


GOLDEN_ROWS = 48
Report = Callable[[str], None]


@dataclass(frozen=True)
class Proved:
    """The model on its certified runtime, the proof, its predictions of all held-out rows (None: it
    failed), and how they were compared.
    """

    model: Model
    runtime: Runtime
    predictions: list[Any]
    latency: dict[str, Any]
    comparison: Comparison
    answered: list[Answered]


@dataclass(frozen=True)
class Contents:
    """What was written of a bundle: its manifest, and rows with what is served for them, by which a
    fresh process proves itself.
    """

    manifest: Manifest
    answered: list[Answered]


def write_contents(
    folder: Path, request: "DeliveryRequest", source: Source, report: Report
) -> Contents:
    """Write all files but the signature."""
    recipe = with_inputs_as_fitted(source.recipe, report)
    source = replace(source, recipe=recipe)
    columns = columns_of(recipe.held_out, recipe.training)
    rows = rows_of(recipe.held_out)
    held_out = _as_served(rows, columns)
    # First, since it says better than a pickler what a pickle cannot hold.
    _write_code(folder, source, report)
    _dump(recipe, folder / PICKLE)
    report(f"{len(rows)} held-out rows, {len(columns)} columns; converting to ONNX")
    described = _description(request, source, columns)
    proved = _prove(folder, described, recipe, held_out, request.tolerance, report)
    _write_golden(folder / GOLDEN, rows, proved.predictions)
    packages = environment.installed()
    pins = environment.environment_yaml(f"{request.model}-{request.version}", packages)
    (folder / "environment.yaml").write_text(
        yaml.safe_dump(pins, sort_keys=False), encoding="utf-8"
    )
    manifest = msgspec.structs.replace(
        described,
        metrics=held_out_metrics(proved.predictions, recipe),
        runtime=proved.runtime,
        comparison=proved.comparison,
        latency=proved.latency,
        golden={"rows": len((folder / GOLDEN).read_bytes().splitlines())},
        packages=packages,
        files=_files(folder),
    )
    metrics = ", ".join(f"{name} {value:.4g}" for name, value in manifest.metrics.items())
    report(f"held out: {metrics or 'no labels'}")
    for caution in cautions(recipe):
        report(f"warning: {caution}")

    plain = msgspec.to_builtins(manifest)
    text = yaml.safe_dump(plain, sort_keys=False, allow_unicode=True, width=120)
    (folder / MANIFEST).write_text(text, encoding="utf-8")
    return Contents(manifest, proved.answered)


def _as_served(rows: list[dict[str, Any]], columns: list[Column]) -> Columns:
    try:
        return onnx_form.held_out_columns(rows, columns)
    except msgspec.ValidationError as error:
        raise DeliveryError(f"a held-out row could not be sent as JSON: {error}") from error


def _prove(
    folder: Path,
    described: Manifest,
    recipe: Recipe,
    held_out: Columns,
    tolerance: float,
    report: Report,
) -> Proved:
    pipeline, rows = _loaded(folder, described, PipelineModel), len(recipe.held_out)
    predictions, failures = _answers(pipeline, held_out, rows)
    # Before the conversion, which takes long and would complain of something else.
    require_one_answer_a_row(predictions, failures, recipe.output, described.classes)
    require_labels(recipe)
    described = _measured(described, predictions)
    asked = probes(recipe.pipeline, recipe.held_out, recipe.training, described.columns)
    require_invariance(pipeline, held_out, asked, described)
    require_own_answers(recipe, described, predictions, pipeline)
    reason = onnx_form.convert(recipe, described.columns, folder / ONNX)
    model: Model = pipeline
    runtime = onnx_form.not_converted(reason or "", tolerance)
    if reason is None:
        runtime, model = _try_onnx(folder, described, pipeline, held_out, recipe, tolerance, asked)

    if runtime.certified != "onnx":
        (folder / ONNX).unlink(missing_ok=True)

    report(f"certified runtime: {runtime.certified} ({runtime.reason})")
    if runtime.certified == "onnx":
        predictions, failures = _answers(model, held_out, rows)

    good = [i for i in range(rows) if i not in failures]
    some = {name: array[good] for name, array in held_out.items()}
    mine = latency_ms(model, some)
    latency: dict[str, Any] = {
        **mine,
        "sklearn": mine if model is pipeline else latency_ms(pipeline, some),
    }
    answered = [
        Answered("held-out", held_out, predictions),
        _probes_answered(model, asked, recipe.one_row_at_a_time),
    ]
    return Proved(model, runtime, predictions, latency, described.comparison, answered)


def _probes_answered(model: Model, asked: Probes, one_row_at_a_time: bool) -> Answered:
    """The probe rows with what is served for them; some, where each is predicted for itself."""
    columns = asked.columns
    rows = len(next(iter(columns.values())))
    if one_row_at_a_time:
        columns = {name: array[:PROBES] for name, array in columns.items()}
        rows = min(rows, PROBES)
    return Answered("probe", columns, in_batches(model, columns, rows))


def _measured(described: Manifest, predictions: list[Any]) -> Manifest:
    """With the scale by which its answers are compared."""
    if described.task != "regression":
        return described
    rule = msgspec.structs.replace(described.comparison, scale=scale_of(predictions))
    return msgspec.structs.replace(described, comparison=rule)


def _answers(model: Model, held_out: Columns, rows: int) -> tuple[list[Any], dict[int, str]]:
    predictions, failures = every_answer(model, held_out, rows)
    if len(failures) == rows:
        raise DeliveryError(
            f"the pipeline failed on every held-out row: {next(iter(failures.values()))}"
        )

    return predictions, failures


def _loaded(folder: Path, described: Manifest, kind: Callable[[Bundle], Model]) -> Model:
    """The model of the draft's own files, as the service will load it."""
    # Without the code that travels: here its modules are imported already, from where the recipe
    # found them.
    files = {name: file for name, file in _files(folder).items() if not is_module_file(name)}
    model = kind(Bundle(folder, msgspec.structs.replace(described, files=files), ""))
    if described.one_row_at_a_time:
        return RowByRow(model)
    return model


def _try_onnx(
    folder: Path,
    described: Manifest,
    pipeline: Model,
    held_out: Columns,
    recipe: Recipe,
    tolerance: float,
    asked: Probes,
) -> tuple[Runtime, Model]:
    try:
        onnx = _loaded(folder, described, OnnxModel)
    except Exception as error:  # noqa: BLE001 (ONNX Runtime's errors have no common root)
        return onnx_form.not_converted(f"its ONNX form does not load: {error}", tolerance), pipeline

    runtime = onnx_form.certify(
        pipeline, onnx, held_out, len(recipe.held_out), recipe, described.comparison, asked
    )
    if runtime.certified == "onnx" and dependence(
        onnx, held_out, described.comparison, recipe.one_row_at_a_time
    ):
        reason = "an answer of its ONNX form depends on the rows beside it"
        runtime = msgspec.structs.replace(runtime, certified="sklearn", reason=reason)

    return runtime, onnx if runtime.certified == "onnx" else pipeline


def _write_code(folder: Path, source: Source, report: Report) -> None:
    sources = code_of(source.recipe.pipeline, source.path)
    for name, raw in sources.items():
        (folder / name).write_bytes(raw)
    if sources:
        report(f"code that travels with it: {', '.join(sources)}")


def _dump(recipe: Recipe, path: Path) -> None:
    try:
        joblib.dump(recipe.pipeline, path)
    except OSError:
        raise
    except Exception as error:
        raise DeliveryError(f"the pipeline cannot be pickled: {first_line(error)}") from error


def _write_golden(path: Path, rows: list[dict[str, Any]], predictions: list[Any]) -> None:
    """Evenly spread rows, and first of all rows that hold nulls, so that those are proved too."""
    good = [i for i, prediction in enumerate(predictions) if prediction is not None]
    with_nulls = [i for i in good if None in rows[i].values()][: GOLDEN_ROWS // 4]
    room = GOLDEN_ROWS - len(with_nulls)
    spread = good[:: max(1, len(good) // room)][:room]
    chosen = sorted(set(with_nulls) | set(spread))
    lines = [msgspec.json.encode({"row": rows[i], "prediction": predictions[i]}) for i in chosen]
    path.write_bytes(b"\n".join(lines) + b"\n")


def _description(request: "DeliveryRequest", source: Source, columns: list[Column]) -> Manifest:
    recipe = source.recipe
    task, classes = task_of(recipe)
    git = environment.git_state(source.path.absolute().parent)
    return Manifest(
        format=FORMAT,
        model=request.model,
        version=request.version,
        created_at=datetime.now(UTC).isoformat(timespec="seconds"),
        source={"kind": source.kind, "path": str(source.path), "sha256": source.sha256, **git},
        training=_training(recipe),
        task=task,
        classes=classes,
        output=recipe.output,
        input=input_form(recipe),
        one_row_at_a_time=recipe.one_row_at_a_time,
        columns=columns,
        metrics={},
        held_out_rows=len(recipe.held_out),
        runtime=onnx_form.not_converted("", request.tolerance),
        comparison=Comparison(
            rule=RULE,
            certification=request.tolerance,
            golden=golden_tolerance(request.tolerance),
            pipeline=SAME_MODEL,
        ),
        latency={},
        golden={},
        python=environment.python_version(),
        packages={},
        files={},
    )


def _training(recipe: Recipe) -> dict[str, Any]:
    if recipe.training is None:
        return {"sha256": None, "rows": None}
    return {"sha256": frame_digest(recipe.training), "rows": len(recipe.training)}


def frame_digest(frame: "pd.DataFrame") -> str:
    """SHA-256 of a frame's column names and values, the same on every machine."""
    from pandas.util import hash_pandas_object

    names = "\0".join(str(name) for name in frame.columns)
    digest = hashlib.sha256(names.encode("utf-8", "surrogatepass"))
    try:
        digest.update(hash_pandas_object(frame, index=False).to_numpy().tobytes())
    # Lists, and whatever else pandas has no hash for, raise what they like.
    except Exception:  # noqa: BLE001
        for place in range(frame.shape[1]):
            texts = "\0".join(map(repr, frame.iloc[:, place].tolist()))
            digest.update(texts.encode("utf-8", "surrogatepass"))

    return digest.hexdigest()


def _files(folder: Path) -> dict[str, File]:
    return {
        path.name: File(hashlib.sha256(raw).hexdigest(), len(raw))
        for path in sorted(folder.iterdir())
        for raw in [path.read_bytes()]
    }
