"""Loads a bundle in a fresh process, as the service will, and predicts its golden rows there.

`python -m delivery.proof.self_test FOLDER PUBLIC_KEY [RUNTIME]` prints how many rows were answered,
or one line why not (exit 1). A delivery also sends it the rows that were predicted there, of which
the predictions must be equal: code beside the recipe may hold what only the recipe put there. With
`--parent=PID` as the first argument it ends with the process that started it.
"""

import os
import pickle
import subprocess
import sys
from collections.abc import Sequence
from contextlib import redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from delivery.errors import DeliveryError, first_line
from service.bundle import Bundle, BundleError
from service.comparison import same
from service.rows import Columns
from service.runtimes.model import Model
from wire.parent_process import end_with

ROOT = Path(__file__).resolve().parents[2]
LONGEST_S, LONGEST_ROW_S = 300, 0.1
MODULE_REMEDY = (
    "name it in an import statement of the module that needs it, or install it as a package"
)
SERVED_ROWS = "--answered"
PARENT = "--parent="
OTHERWISE = "a fresh process answers otherwise"

# What scikit-learn's global settings are in a process that sets none.
SETTINGS = {"transform_output": "default", "enable_metadata_routing": False}


@dataclass(frozen=True)
class ServedRows:
    """Rows and what the delivering process was served for them, None where a row failed.

    kind: of which rows, in words.
    """

    kind: str
    columns: Columns
    predictions: list[Any]


def prove_in_fresh_process(
    bundle: Path,
    public_key: Path,
    served: Sequence[ServedRows] = (),
    python: Path | None = None,
) -> str:
    """Run this module in a new interpreter; returns what it printed.

    served: rows that it must predict alike.
    python: of another environment; None: this one.
    Raises DeliveryError with its reason.
    """
    command = [str(python or sys.executable), "-m", "delivery.proof.self_test"]
    command += [f"{PARENT}{os.getpid()}", str(bundle.absolute()), str(public_key.absolute())]
    longest_s = float(LONGEST_S)
    if served:
        command.append(SERVED_ROWS)
        longest_s += LONGEST_ROW_S * sum(len(rows.predictions) for rows in served)

    try:
        done = subprocess.run(
            command,
            cwd=ROOT,
            capture_output=True,
            input=pickle.dumps(list(served)),
            timeout=longest_s,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise DeliveryError(
            f"{bundle} did not answer its golden rows: timed out after {longest_s:.0f} s"
        ) from error

    if done.returncode != 0:
        raise DeliveryError(_failure(done))

    return done.stdout.decode("utf-8", "replace").strip()


def _failure(done: "subprocess.CompletedProcess[bytes]") -> str:
    output = done.stderr.strip() or done.stdout.strip() or b"it died without a word"
    last = output.decode("utf-8", "replace").splitlines()[-1]
    if last.startswith(OTHERWISE):
        return f"{last}{_changed_settings()}"

    return f"the bundle does not load in a fresh process: {last}{_changed_settings()}"


def _changed_settings() -> str:
    """scikit-learn's global settings that this process changed, with what to do; else nothing."""
    sklearn = sys.modules.get("sklearn")
    if sklearn is None:
        return ""

    settings = sklearn.get_config()
    changed = []
    for name, default in SETTINGS.items():
        if settings.get(name) != default:
            changed.append(f"{name}={settings[name]!r}")

    if not changed:
        return ""

    return (
        f" (sklearn.set_config({', '.join(changed)}) holds here only and does not travel: set it "
        f"in the pipeline, such as pipeline.set_output(transform='pandas') before fit)"
    )


def main() -> int:
    """The fresh process; returns its exit code."""
    try:
        print(_prove(sys.argv[1:]))
    except BundleError as error:
        reason = str(error)
    except ModuleNotFoundError as error:
        reason = (
            f"{first_line(error)}, which neither travels with the bundle nor is installed: "
            f"{MODULE_REMEDY}"
        )
    except FileNotFoundError as error:
        reason = (
            f"{first_line(error)}: no data travels with a bundle, keep in the pipeline what it "
            f"reads"
        )
    else:
        return 0

    print(reason, file=sys.stderr)
    return 1


def _prove(arguments: list[str]) -> str:
    if arguments[0].startswith(PARENT):
        end_with(int(arguments.pop(0).removeprefix(PARENT)))

    served: Sequence[ServedRows] = ()
    if SERVED_ROWS in arguments:
        arguments.remove(SERVED_ROWS)
        # From the process that started this one.
        served = pickle.load(sys.stdin.buffer)  # noqa: S301

    folder, key, *runtime = arguments
    # The steps' own output must not mix with the result.
    with redirect_stdout(sys.stderr):
        return prove_bundle(Path(folder), Path(key), served, *runtime)


def prove_bundle(
    folder: Path, key: Path, served: Sequence[ServedRows], runtime: str | None = None
) -> str:
    """Predict a bundle's golden rows and those that were served; returns what was answered.

    Raises BundleError naming what is not as it was.
    """
    from service.bundle import verify_bundle
    from service.proof.golden_rows import prove
    from service.runtimes.load_model import load_model

    bundle = verify_bundle(folder, key)
    model = load_model(bundle, runtime)
    proved = prove(bundle, model)
    for rows in served:
        _require_same_predictions(bundle, model, rows)

    return f"{proved} golden rows answered by {model.name}"


def _require_same_predictions(bundle: Bundle, model: Model, served: ServedRows) -> None:
    """Raise BundleError naming the first row that is predicted differently here."""
    from delivery.proof.served_check import in_batches

    predictions = in_batches(model, served.columns, len(served.predictions))
    comparison = bundle.manifest.comparison
    tolerance, scale = comparison.golden, comparison.scale
    for row, (expected, actual) in enumerate(zip(served.predictions, predictions, strict=True)):
        if not same(expected, actual, tolerance, scale):
            raise BundleError(
                f"{OTHERWISE}: {served.kind} row {row} gets {_short(actual)} there and "
                f"{_short(expected)} where the recipe ran, so a step reads what the recipe or the "
                f"training left in a module or a setting: keep it in the pipeline, as an attribute "
                f"that fit sets, or in the module's own source"
            )


def _short(prediction: Any) -> str:
    if prediction is None:
        return "an error"

    return str(prediction)[:80]


if __name__ == "__main__":
    sys.exit(main())
