"""model.ort: the model in ONNX Runtime's own format, for builds of it that read no other."""

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from delivery.request import Report
from environments.errors import last_words
from export.errors import ExportError
from service.bundle_files import ONNX

ORT_FORMAT = "model.ort"
LONGEST_S = 300.0


def write_ort_format(folder: Path, report: Report) -> None:
    """Write model.ort beside model.onnx, and say how large both are; raises ExportError."""
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".partial-ort-") as draft:
        shutil.copy(folder / ONNX, draft)
        command = [sys.executable, "-m", "onnxruntime.tools.convert_onnx_models_to_ort", draft]
        command += ["--optimization_style", "Fixed"]
        try:
            done = subprocess.run(
                command, capture_output=True, text=True, timeout=LONGEST_S, check=False
            )
        except subprocess.TimeoutExpired as error:
            raise ExportError(f"{ORT_FORMAT} was not made within {LONGEST_S:.0f} s") from error

        made = Path(draft) / ORT_FORMAT
        if done.returncode or not made.is_file():
            raise ExportError(f"{ORT_FORMAT} was not made: {last_words(done.stderr)}")

        shutil.copy(made, folder / ORT_FORMAT)

    before, after = (folder / ONNX).stat().st_size, (folder / ORT_FORMAT).stat().st_size
    report(
        f"{ORT_FORMAT}: {after / 1e3:.1f} kB, {after / before:.1f} times the {before / 1e3:.1f} kB "
        f"of {ONNX}; no test of ours predicts with it"
    )
