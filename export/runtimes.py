"""The runtimes of an export, each certified by the program that is exported, or left out."""

import shutil
import sys
from pathlib import Path
from typing import Any

import msgspec
import onnxruntime

from delivery.request import Report
from export import onnxruntime_web as web
from export.certification import certified, runner_node, runner_python
from export.errors import ExportError
from export.manifest import Certified
from export.request import ExportRequest
from service.predict import Predictor

RUNNERS = Path(__file__).parent / "runners"
PYTHON, WEB = "onnxruntime", "onnxruntime-web"
# More rows at once are no faster.
CHUNK = 1024


def certified_runtimes(
    draft: Path,
    request: ExportRequest,
    predictor: Predictor,
    rows: list[dict[str, Any]],
    report: Report,
) -> tuple[dict[str, Certified], dict[str, str]]:
    """The certified runtimes, and why another is left out; raises ExportError.

    rows: all held-out rows.
    """
    kept, expected = served_rows(predictor, rows, report)
    manifest, here = predictor.manifest, onnxruntime.__version__
    command = runner_python(draft, sys.executable)
    runs = {PYTHON: certified(command, PYTHON, here, manifest, kept, expected, report)}
    try:
        command = web_runner(draft, request, report)
        runs[WEB] = certified(command, WEB, web.VERSION, manifest, kept, expected, report)
    except ExportError as error:
        if request.page:
            raise ExportError(f"no page, since {WEB} is not certified: {error}") from error

        shutil.rmtree(draft / "web", ignore_errors=True)
        report(f"web/ is left out, since {WEB} is not certified: {error}")
        return runs, {WEB: str(error)}

    return runs, {}


def web_runner(draft: Path, request: ExportRequest, report: Report) -> list[str]:
    """Write web/ and return its command; raises ExportError."""
    node = shutil.which("node")
    if node is None:
        raise ExportError(
            "Node is missing, in which the held-out rows are predicted: install Debian's nodejs, "
            "or another Node from version 18 on"
        )

    runtime = web.onnxruntime_web(request.cache, request.tarball, report)
    shutil.copytree(RUNNERS / "web", draft / "web")
    return runner_node(draft, node, (runtime / web.ENTRY).absolute())


def served_rows(
    predictor: Predictor, rows: list[dict[str, Any]], report: Report
) -> tuple[list[dict[str, Any]], list[Any]]:
    """The rows that the service predicts, and its predictions."""
    kept, expected = [], []
    for start in range(0, len(rows), CHUNK):
        chunk = rows[start : start + CHUNK]
        outcome = predictor.predict(msgspec.json.encode({"instances": chunk}))
        refused = {error.row for error in outcome.errors}
        for number, row in enumerate(chunk):
            if number not in refused:
                kept.append(row)
                expected.append(outcome.predictions[number])

    if not kept:
        raise ExportError("the service predicts none of the held-out rows")
    if len(kept) < len(rows):
        report(f"{len(rows) - len(kept)} held-out rows fail in the service, and are left out")

    return kept, expected
