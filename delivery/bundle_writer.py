"""Writes the files of a bundle: pickle, ONNX form, environment, golden rows and manifest."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import joblib
import msgspec
import yaml

from delivery.errors import DeliveryError, first_line
from delivery.inputs import environment
from delivery.inputs.labels import cautions, require_labels
from delivery.inputs.local_modules import code_of
from delivery.inputs.pipeline_columns import with_inputs_as_fitted
from delivery.inputs.segments import segments_of
from delivery.inputs.signature import columns_of, rows_of
from delivery.onnx.certification import not_converted
from delivery.onnx.ladder import ConversionJob, certified_form
from delivery.proof.direct_calls import prove_direct
from delivery.proof.distributions import bundle_distributions
from delivery.proof.evaluation import held_out_metrics, latency_ms, task_of
from delivery.proof.expected_answers import ExpectedAnswers, PipelineAnswers, expected_answers
from delivery.proof.invariance import batch_dependence
from delivery.proof.output_checks import all_predictions, described_outputs
from delivery.proof.own_input import input_form
from delivery.proof.probe_rows import probes
from delivery.proof.self_test import ServedRows
from delivery.proof.served_check import (
    PROBES,
    in_batches,
    require_invariance,
    require_own_answers,
    require_repeatable,
)
from delivery.recipe import Recipe, Source
from delivery.request import DeliveryRequest, Report
from environments.environment_file import allowed_versions
from environments.installed_packages import installed
from environments.model_needs import needs_here
from service.bundle import (
    Bundle,
    Column,
    Comparison,
    DirectCalls,
    File,
    Manifest,
    Output,
    Runtime,
    file_of,
)
from service.bundle_files import DISTRIBUTIONS, FORMAT, GOLDEN, MANIFEST, ONNX, PICKLE
from service.bundled_modules import is_module_file
from service.comparison import RULE, SAME_MODEL, Scale, golden_tolerance, scale_of
from service.proof.golden_rows import golden_of
from service.rows import Columns, RowReader, take_rows
from service.runtimes.model import Model, RowByRow
from service.runtimes.onnx_model import OnnxModel
from service.runtimes.outputs import PREDICT, PROBABILITIES, by_output
from service.runtimes.pipeline_model import PipelineModel

if TYPE_CHECKING:
    import pandas as pd


GOLDEN_ROWS = 48


@dataclass(frozen=True)
class ProvedModel:
    """The model on its certified runtime, and what proves it.

    outputs: what it answers. classes: of the first one's first target.
    predictions: of all held-out rows, None where one failed. served: rows with what is served for
    them.
    """

    model: Model
    runtime: Runtime
    outputs: list[Output]
    classes: list[Any] | None
    predictions: list[Any]
    latency: dict[str, Any]
    comparison: Comparison
    served: list[ServedRows]
    direct: DirectCalls


@dataclass(frozen=True)
class Contents:
    """What was written of a bundle.

    served: rows with what is served for them, which a fresh process must predict alike.
    """

    manifest: Manifest
    served: list[ServedRows]


def write_contents(
    folder: Path, request: DeliveryRequest, source: Source, report: Report
) -> Contents:
    """Write all files of a bundle but the signature; raises DeliveryError."""
    recipe = with_inputs_as_fitted(source.recipe, report)
    source = replace(source, recipe=recipe)
    columns = columns_of(recipe.held_out, recipe.training)
    rows = rows_of(recipe.held_out)
    held_out = _held_out_columns(rows, columns)

    # First, since it says better than a pickler what a pickle cannot hold.
    _write_code(folder, source, report)
    _dump(recipe, folder / PICKLE)

    report(f"{len(rows)} held-out rows, {len(columns)} columns; converting to ONNX")
    description = _description(request, source, columns)
    proved = _prove(folder, description, recipe, held_out, report)
    _write_golden(folder / GOLDEN, rows, proved)
    _write_distributions(folder, recipe, columns, held_out, proved)
    packages = installed()
    _write_environment(folder, request, packages)

    metrics = held_out_metrics(proved.predictions, recipe)
    _report_metrics(metrics, recipe, report)
    manifest = msgspec.structs.replace(
        description,
        metrics=metrics,
        classes=proved.classes,
        outputs=proved.outputs,
        runtime=proved.runtime,
        direct=proved.direct,
        comparison=proved.comparison,
        latency=proved.latency,
        golden={"rows": len((folder / GOLDEN).read_bytes().splitlines())},
        packages=packages,
        files=_files(folder),
        requirements=_requirements(folder, request, columns),
    )
    _write_manifest(folder / MANIFEST, manifest)
    return Contents(manifest, proved.served)


def _held_out_columns(rows: list[dict[str, Any]], columns: list[Column]) -> Columns:
    try:
        return RowReader(columns).row_columns(rows)
    except msgspec.ValidationError as error:
        raise DeliveryError(f"a held-out row could not be sent as JSON: {error}") from error


def _write_environment(folder: Path, request: DeliveryRequest, packages: dict[str, str]) -> None:
    pins = environment.environment_yaml(f"{request.model}-{request.version}", packages)
    text = yaml.safe_dump(pins, sort_keys=False)
    (folder / "environment.yaml").write_text(text, encoding="utf-8")


def _requirements(folder: Path, request: DeliveryRequest, columns: list[Column]) -> dict[str, str]:
    """The packages that the pipeline needs where it is served: what it and its code import, and
    what the user's own file names.
    """
    code = [path.read_bytes() for path in folder.iterdir() if is_module_file(path.name)]
    dtypes = [column.frame.dtype for column in columns if column.frame]
    own = allowed_versions(request.environment) if request.environment else {}
    return needs_here((folder / PICKLE).read_bytes(), code, dtypes, own)


def _report_metrics(metrics: dict[str, float], recipe: Recipe, report: Report) -> None:
    text = ", ".join(f"{name} {value:.4g}" for name, value in metrics.items())
    report(f"held out: {text or 'no labels'}")
    for caution in cautions(recipe):
        report(f"warning: {caution}")


def _write_manifest(path: Path, manifest: Manifest) -> None:
    plain = msgspec.to_builtins(manifest)
    text = yaml.safe_dump(plain, sort_keys=False, allow_unicode=True, width=120)
    path.write_text(text, encoding="utf-8")


def _prove(
    folder: Path, description: Manifest, recipe: Recipe, held_out: Columns, report: Report
) -> ProvedModel:
    """Compare the pickled pipeline with its own frame, then certify a runtime for it."""
    pipeline, rows = _load(folder, description, PipelineModel, [PICKLE]), len(recipe.held_out)
    predictions, failures = _predictions(pipeline, held_out, rows)
    # Before the conversion, which takes long and would complain of something else.
    description = _with_outputs(description, described_outputs(recipe, predictions, failures))
    require_labels(recipe, description.outputs)

    description = _with_scale(description, predictions)
    probe_rows = probes(recipe.pipeline, recipe.held_out, recipe.training, description.columns)
    require_repeatable(pipeline, held_out, description)
    answered = PipelineAnswers(held_out, predictions, frozenset(failures))
    expected = expected_answers(pipeline, answered, probe_rows)
    direct = prove_direct(pipeline, description, expected)
    report(f"direct form: {direct.reason}")
    require_invariance(pipeline, expected, description)
    require_own_answers(recipe, description, predictions, pipeline)

    runtime, model = _certify(folder, description, pipeline, expected, recipe, report)
    report(f"certified runtime: {runtime.certified} ({runtime.reason})")
    if runtime.certified == "onnx":
        predictions, failures = _predictions(model, held_out, rows)

    # Neither of the pipeline's other forms serves: it was asked already.
    is_expected = model is pipeline and not direct.served
    predicted = [row for row in range(rows) if row not in failures]
    latency = _latency(model, pipeline, take_rows(held_out, predicted))
    served = [
        ServedRows("held-out", held_out, predictions),
        _served_probes(model, expected, is_expected, recipe.one_row_at_a_time),
    ]
    return ProvedModel(
        model,
        runtime,
        description.outputs,
        description.classes,
        predictions,
        latency,
        description.comparison,
        served,
        direct,
    )


def _certify(
    folder: Path,
    description: Manifest,
    pipeline: Model,
    expected: ExpectedAnswers,
    recipe: Recipe,
    report: Report,
) -> tuple[Runtime, Model]:
    """The certified runtime and its model; the ONNX form stays only where it is certified."""
    path = folder / ONNX
    rule = description.comparison
    load = partial(_load, folder, description, OnnxModel, [ONNX])
    job = ConversionJob(recipe, description.columns, rule, expected, path, load)
    runtime = certified_form(job, report)
    if runtime.certified == "onnx":
        onnx = load()
        held_out = expected.held_out.columns
        if not batch_dependence(onnx, held_out, rule, recipe.one_row_at_a_time):
            return runtime, onnx

        reason = "a prediction of its ONNX form depends on the other rows of its batch"
        runtime = msgspec.structs.replace(runtime, certified="sklearn", reason=reason, form=None)

    path.unlink(missing_ok=True)
    return runtime, pipeline


def _latency(model: Model, pipeline: Model, columns: Columns) -> dict[str, Any]:
    """Of the served model, and under `sklearn` of the pipeline."""
    latency = latency_ms(model, columns)
    if model is pipeline:
        return {**latency, "sklearn": latency}

    return {**latency, "sklearn": latency_ms(pipeline, columns)}


def _served_probes(
    model: Model, expected: ExpectedAnswers, is_expected: bool, one_row_at_a_time: bool
) -> ServedRows:
    """The probe rows with what is served for them; only some where each is predicted alone.

    is_expected: what is served is what was expected of the pipeline.
    """
    probes = expected.probes
    if one_row_at_a_time:
        probes = probes.chosen(range(min(PROBES, probes.rows)))

    predictions = probes.predictions
    if not is_expected:
        predictions = in_batches(model, probes.columns, probes.rows)

    return ServedRows("probe", probes.columns, predictions)


def _with_outputs(description: Manifest, outputs: list[Output]) -> Manifest:
    """With all outputs, and the classes of the first one's first target."""
    classes = description.classes
    if outputs[0].classes:
        classes = outputs[0].classes[0]

    return msgspec.structs.replace(description, outputs=outputs, classes=classes)


def _with_scale(description: Manifest, predictions: list[Any]) -> Manifest:
    """With the scales that the predicted numbers are compared by."""
    names = [output.name for output in description.outputs]
    scales = {}
    for name, answers in by_output(names, predictions).items():
        is_number = name != PROBABILITIES and not (name == PREDICT and description.classes)
        scales[name] = scale_of(answers) if is_number else 1.0

    scale: Scale = scales if len(names) > 1 else scales[names[0]]
    comparison = msgspec.structs.replace(description.comparison, scale=scale)
    return msgspec.structs.replace(description, comparison=comparison)


def _predictions(model: Model, held_out: Columns, rows: int) -> tuple[list[Any], dict[int, str]]:
    predictions, failures = all_predictions(model, held_out, rows)
    if len(failures) == rows:
        raise DeliveryError(
            f"the pipeline failed on every held-out row: {next(iter(failures.values()))}"
        )

    return predictions, failures


def _load(
    folder: Path,
    description: Manifest,
    kind: Callable[[Bundle], Model],
    names: Sequence[str],
) -> Model:
    """The model of the draft's own files of these names, as the service will load it."""
    # Without the code that travels: its modules were imported from beside the recipe already.
    files = {name: file_of((folder / name).read_bytes()) for name in names}
    manifest = msgspec.structs.replace(description, files=files)
    model = kind(Bundle(folder, manifest, ""))
    if description.one_row_at_a_time:
        return RowByRow(model)

    return model


def _write_code(folder: Path, source: Source, report: Report) -> None:
    sources = code_of(source.recipe.pipeline, source.path, source.code)
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


def _write_golden(path: Path, rows: list[dict[str, Any]], proved: ProvedModel) -> None:
    """Write evenly spread rows, and before them rows with nulls, so that those are proved too."""
    predictions = proved.predictions
    predicted: list[int] = []
    with_nulls: list[int] = []
    for row, prediction in enumerate(predictions):
        if prediction is None:
            continue

        predicted.append(row)
        if None in rows[row].values() and len(with_nulls) < GOLDEN_ROWS // 4:
            with_nulls.append(row)

    room = GOLDEN_ROWS - len(with_nulls)
    spread = predicted[:: max(1, len(predicted) // room)][:room]

    lines = []
    for row in sorted({*with_nulls, *spread}):
        golden = golden_of(rows[row], proved.outputs, predictions[row])
        lines.append(msgspec.json.encode(golden))

    path.write_bytes(b"\n".join(lines) + b"\n")


def _write_distributions(
    folder: Path, recipe: Recipe, columns: list[Column], held_out: Columns, proved: ProvedModel
) -> None:
    counted = bundle_distributions(recipe, columns, held_out, proved.outputs, proved.predictions)
    (folder / DISTRIBUTIONS).write_bytes(msgspec.json.encode(counted))


def _description(request: DeliveryRequest, source: Source, columns: list[Column]) -> Manifest:
    """The manifest as far as it is known before the proof."""
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
        output=recipe.outputs[0],
        outputs=[Output(name=name) for name in recipe.outputs],
        input=input_form(recipe),
        one_row_at_a_time=recipe.one_row_at_a_time,
        columns=columns,
        metrics={},
        held_out_rows=len(recipe.held_out),
        held_out_sha256=frame_digest(recipe.held_out),
        runtime=not_converted("", request.tolerance),
        comparison=_comparison(request.tolerance),
        latency={},
        golden={},
        python=environment.python_version(),
        packages={},
        files={},
        side_effects=recipe.side_effects,
        segments=segments_of(recipe, columns),
    )


def _comparison(tolerance: float) -> Comparison:
    return Comparison(
        rule=RULE,
        certification=tolerance,
        golden=golden_tolerance(tolerance),
        pipeline=SAME_MODEL,
    )


def _training(recipe: Recipe) -> dict[str, Any]:
    if recipe.training is None:
        return {"sha256": None, "rows": None}

    return {"sha256": frame_digest(recipe.training), "rows": len(recipe.training)}


def frame_digest(frame: "pd.DataFrame") -> str:
    """SHA-256 of a frame's column names and values, the same on every machine."""
    from pandas.util import hash_pandas_object

    names = "\0".join(map(str, frame.columns))
    digest = hashlib.sha256(names.encode("utf-8", "surrogatepass"))
    try:
        digest.update(hash_pandas_object(frame, index=False).to_numpy().tobytes())
    # Lists, and whatever else pandas has no hash for, raise what they like.
    except Exception:  # noqa: BLE001
        for column in range(frame.shape[1]):
            texts = "\0".join(map(_digested, frame.iloc[:, column].tolist()))
            digest.update(texts.encode("utf-8", "surrogatepass"))

    return digest.hexdigest()


def _digested(value: Any) -> str:
    """A value's text, with all items of an array, of which numpy's own text leaves some out."""
    if hasattr(value, "tolist"):
        value = value.tolist()

    return repr(value)


def _files(folder: Path) -> dict[str, File]:
    return {path.name: file_of(path.read_bytes()) for path in sorted(folder.iterdir())}
