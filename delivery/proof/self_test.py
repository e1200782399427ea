"""Loads a bundle in a process of its own, as the service will, and lets it answer its golden rows.

`python -m delivery.proof.self_test FOLDER PUBLIC_KEY [RUNTIME]` prints how many rows were answered,
or one line why not (exit 1).
"""

import subprocess
import sys
from pathlib import Path

from delivery.errors import DeliveryError, first_line

ROOT = Path(__file__).resolve().parents[2]
LONGEST_S = 300
IMPORT_IT = "name it in an import statement of the module that needs it, or install it as a package"


def prove_in_fresh_process(bundle: Path, public_key: Path) -> str:
    """Run this module in a new interpreter; returns what it said, raises DeliveryError with its
    reason.
    """
    command = [
        sys.executable,
        "-m",
        "delivery.proof.self_test",
        str(bundle.absolute()),
        str(public_key.absolute()),
    ]
    try:
        done = subprocess.run(
            command, cwd=ROOT, capture_output=True, text=True, timeout=LONGEST_S, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise DeliveryError(
            f"{bundle} did not answer its golden rows within {LONGEST_S} s"
        ) from error

    if done.returncode != 0:
        last = (
            done.stderr.strip() or done.stdout.strip() or "it died without a word"
        ).splitlines()[-1]
        raise DeliveryError(f"the bundle does not load in a fresh process: {last}")

    return done.stdout.strip()


def main() -> int:
    """The fresh process."""
    from service.bundle import BundleError, verify_bundle
    from service.model import load_model
    from service.proof.golden import prove

    try:
        bundle = verify_bundle(Path(sys.argv[1]), Path(sys.argv[2]))
        model = load_model(bundle, sys.argv[3] if len(sys.argv) > 3 else None)
        print(f"{prove(bundle, model)} golden rows answered by {model.name}")
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


if __name__ == "__main__":
    sys.exit(main())
