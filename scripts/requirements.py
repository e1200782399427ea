"""Compile requirements.txt from environment.yaml: every pin and hash, for Python 3.11, from PyPI.

`python scripts/requirements.py` writes it; `--names` prints the direct dependencies as PyPI's
requirements. environment.yaml says which ones; where conda-forge has another name than PyPI,
RENAMED translates."""

import subprocess
import sys
from pathlib import Path

import uv
import yaml

ROOT = Path(__file__).parents[1]
RENAMED = {"matplotlib-base": "matplotlib", "prometheus_client": "prometheus-client"}
NOT_PACKAGES = {"python", "pip"}


def direct(environment: dict) -> list[str]:
    """PyPI requirements of a conda environment: `name >=1,<2` becomes `name>=1,<2`."""
    found: list[str] = []
    for entry in environment["dependencies"]:
        if isinstance(entry, dict):
            found += [each.replace(" ", "") for each in entry["pip"]]
            continue
        name, _, constraint = entry.partition(" ")
        if name not in NOT_PACKAGES:
            found.append(RENAMED.get(name, name) + constraint.replace(" ", ""))

    return found


def compiled(requirements: list[str], output: Path, *options: str) -> None:
    """Write the pinned file; raises CalledProcessError with uv's own message on the terminal."""
    command = [
        uv.find_uv_bin(),
        "pip",
        "compile",
        "--quiet",
        "--python-version",
        "3.11",
        "--generate-hashes",
        "--no-annotate",
    ]
    command += [
        "--no-emit-index-url",
        "--no-emit-find-links",
        "--no-header",
        "--universal",
        *options,
    ]
    listed = "\n".join(requirements)
    subprocess.run(
        [*command, "--output-file", str(output), "-"], input=listed, text=True, check=True, cwd=ROOT
    )


def main() -> None:
    """Print the names, or write requirements.txt."""
    names = direct(yaml.safe_load((ROOT / "environment.yaml").read_text()))
    if "--names" in sys.argv:
        print("\n".join(names))
        return
    compiled(names, ROOT / "requirements.txt", *(["--upgrade"] if "--upgrade" in sys.argv else []))


if __name__ == "__main__":
    main()
