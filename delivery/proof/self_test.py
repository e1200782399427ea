"""Loads a bundle in a process of its own, as the service will, and lets it answer its golden rows.

`python -m delivery.proof.self_test FOLDER PUBLIC_KEY [RUNTIME]` prints how many rows were answered,
or one line why not (exit 1). At a delivery it is also sent the rows that were answered there, and
must answer them alike: code beside the recipe may hold what only the recipe put there.
"""

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
from service.model import Model
from service.rows import Columns

ROOT = Path(__file__).resolve().parents[2]
LONGEST_S, LONGEST_ROW_S = 300, 0.1
IMPORT_IT = "name it in an import statement of the module that needs it, or install it as a package"
ANSWERED = "--answered"
OTHERWISE = "a fresh process answers otherwise"

# What scikit-learn's global settings are in a process that sets none.
SETTINGS = {"transform_output": "default", "enable_metadata_routing": False}


@dataclass(frozen=True)
class Answered:
    """Rows and what the delivering process was served for them, None where a row failed. kind: of
    which rows, in words.
    """

    kind: str
    columns: Columns
    predictions: list[Any]


def prove_in_fresh_process(
    bundle: Path, public_key: Path, answered: Sequence[Answered] = ()
) -> str:
    """Run this module in a new interpreter; returns what it said, raises DeliveryError with its
    reason.

    answered: rows that it must answer in the same way.
    """
    command = [
        sys.executable,
        "-m",
        "delivery.proof.self_test",
        str(bundle.absolute()),
        str(public_key.absolute()),
    ]
    if answered:
        command.append(ANSWERED)
    given = pickle.dumps(list(answered))
    longest_s = LONGEST_S + LONGEST_ROW_S * sum(len(each.predictions) for each in answered)
    try:
        done = subprocess.run(
            command, cwd=ROOT, capture_output=True, input=given, timeout=longest_s, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise DeliveryError(
            f"{bundle} did not answer its golden rows within {longest_s:.0f} s"
        ) from error

    if done.returncode != 0:
        said = done.stderr.strip() or done.stdout.strip() or b"it died without a word"
        last = said.decode("utf-8", "replace").splitlines()[-1]
        if last.startswith(OTHERWISE):
            raise DeliveryError(f"{last}{_settings()}")
        raise DeliveryError(f"the bundle does not load in a fresh process: {last}{_settings()}")

    return done.stdout.decode("utf-8", "replace").strip()


def _settings() -> str:
    """scikit-learn's global settings that were changed in this process, with what to do; else
    nothing.
    """
    sklearn = sys.modules.get("sklearn")
    given = sklearn.get_config() if sklearn is not None else {}
    changed = [
        f"{name}={given[name]!r}" for name, usual in SETTINGS.items() if given.get(name) != usual
    ]
    if not given or not changed:
        return ""
    return (
        f" (sklearn.set_config({', '.join(changed)}) holds here only and does not travel: set it "
        f"in the pipeline, such as pipeline.set_output(transform='pandas') before fit)"
    )


def main() -> int:
    """The fresh process."""
    from service.bundle import verify_bundle
    from service.model import load_model
    from service.proof.golden_rows import prove

    folder, key, *runtime = [each for each in sys.argv[1:] if each != ANSWERED]
    try:
        # What a step prints is no word of the proof.
        with redirect_stdout(sys.stderr):
            bundle = verify_bundle(Path(folder), Path(key))
            model = load_model(bundle, runtime[0] if runtime else None)
            proved = prove(bundle, model)
            if ANSWERED in sys.argv:
                # From the process that started this one.
                for each in pickle.load(sys.stdin.buffer):  # noqa: S301
                    _require_same_answers(bundle, model, each)
        print(f"{proved} golden rows answered by {model.name}")
    except BundleError as error:
        print(error, file=sys.stderr)
        return 1
    except ModuleNotFoundError as error:
        print(
            f"{first_line(error)}, which neither travels with the bundle nor is installed: "
            f"{IMPORT_IT}",
            file=sys.stderr,
        )
        return 1
    except FileNotFoundError as error:
        print(
            f"{first_line(error)}: no data travels with a bundle, keep in the pipeline what it "
            f"reads",
            file=sys.stderr,
        )
        return 1

    return 0


def _require_same_answers(bundle: Bundle, model: Model, answered: Answered) -> None:
    """Raise BundleError naming the first row that is answered otherwise here."""
    from delivery.proof.served_check import in_batches

    here = in_batches(model, answered.columns, len(answered.predictions))
    comparison = bundle.manifest.comparison
    tolerance, scale = comparison.golden, comparison.scale
    for row, (expected, answer) in enumerate(zip(answered.predictions, here, strict=True)):
        if not same(expected, answer, tolerance, scale):
            raise BundleError(
                f"{OTHERWISE}: {answered.kind} row {row} gets {_short(answer)} there and "
                f"{_short(expected)} where the recipe ran, so a step reads what the recipe or the "
                f"training left in a module or a setting: keep it in the pipeline, as an attribute "
                f"that fit sets, or in the module's own source"
            )


def _short(answer: Any) -> str:
    if answer is None:
        return "an error"
    return str(answer)[:80]


if __name__ == "__main__":
    sys.exit(main())
