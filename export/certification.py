"""Certifies a runtime: the exported runner predicts every held-out row as the service does."""

import json
import math
import os
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from delivery.onnx.comparison import same_classes
from delivery.request import Report
from environments.errors import last_words
from export.errors import ExportError
from export.manifest import Certified
from service.bundle import Manifest
from service.comparison import difference
from service.runtimes.outputs import outputs_of

LONGEST_S, LONGEST_ROW_S = 120.0, 0.05


class NotCertified(ExportError):
    """A runtime does not predict as the service does."""


def certified(
    command: Sequence[str],
    runtime: str,
    version: str,
    manifest: Manifest,
    rows: list[dict[str, Any]],
    expected: list[Any],
    report: Report,
) -> Certified:
    """Run an exported runner over all rows, and compare; raises NotCertified.

    command: reads rows as JSON lines and writes a prediction a line. expected: of the service.
    """
    checked(command, runtime)
    answers = _answers(command, runtime, rows)
    names = [output.name for output in outputs_of(manifest)]
    rule, largest = manifest.comparison, 0.0
    for number, (served, answer) in enumerate(zip(expected, answers, strict=True)):
        size = difference(served, answer, rule.scale)
        if not same_classes(served, answer, names):
            size = math.inf

        if not size <= rule.certification:
            raise NotCertified(
                f"held-out row {number} gets {_short(answer)} on {runtime} {version}, and "
                f"{_short(served)} of the service: {rule.certification:g} is allowed"
            )

        largest = max(largest, size)

    report(
        f"{runtime} {version}: equal classes on {len(rows)} held-out rows, largest difference "
        f"{largest:.2g} ({rule.certification:g} is allowed)"
    )
    return Certified(version, len(rows), largest, rule.certification)


def checked(command: Sequence[str], runtime: str) -> str:
    """Let a runner prove its golden rows and its refusals; returns what it says of them.

    Raises NotCertified.
    """
    return _run([*command, "--check"], runtime, "", LONGEST_S).strip()


def _answers(command: Sequence[str], runtime: str, rows: list[dict[str, Any]]) -> list[Any]:
    text = "".join(json.dumps(row) + "\n" for row in rows)
    written = _run(command, runtime, text, LONGEST_S + LONGEST_ROW_S * len(rows))
    answers = list(map(json.loads, written.splitlines()))
    if len(answers) != len(rows):
        raise NotCertified(f"{runtime} gave {len(answers)} answers for {len(rows)} rows")

    return answers


def _run(command: Sequence[str], runtime: str, text: str, longest_s: float) -> str:
    environ = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1", "ORT_DISABLE_TELEMETRY": "1"}
    try:
        done = subprocess.run(
            list(command),
            input=text.encode(),
            capture_output=True,
            timeout=longest_s,
            env=environ,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise NotCertified(f"{runtime} did not answer within {longest_s:.0f} s") from error

    if done.returncode:
        cause = last_words(done.stderr.decode("utf-8", "replace"))
        raise NotCertified(f"{runtime}: {cause}")

    return done.stdout.decode()


def _short(answer: Any) -> str:
    return str(answer)[:80]


def runner_python(folder: Path, python: str, script: Path | None = None) -> list[str]:
    """The command of the runner in Python. script: another one than the folder's own."""
    script = script or folder / "python" / "edge_model.py"
    return [python, "-I", str(script), "--folder", str(folder)]


def runner_node(folder: Path, node: str, onnxruntime: Path) -> list[str]:
    """The command of the runner in Node. onnxruntime: the entry of onnxruntime-web."""
    script = str(folder / "web" / "predict.js")
    # Node 18 warns that its Ed25519 may still change.
    return [
        node,
        "--no-warnings",
        script,
        "--folder",
        str(folder),
        "--onnxruntime",
        str(onnxruntime),
    ]
