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
    requirements: list[str] = []
    for entry in environment["dependencies"]:
        if isinstance(entry, dict):
            requirements += [requirement.replace(" ", "") for requirement in entry["pip"]]
            continue

        name, _, constraint = entry.partition(" ")
        if name not in NOT_PACKAGES:
            requirements.append(RENAMED.get(name, name) + constraint.replace(" ", ""))

    return requirements


def compiled(requirements: list[str], output: Path, *options: str) -> None:
    """Write the pinned file; raises CalledProcessError with uv's own message on the terminal."""
    command = [uv.find_uv_bin(), "pip", "compile", "--quiet", "--universal", "--generate-hashes"]
    command += ["--python-version", "3.11", "--no-annotate", "--no-header"]
    command += ["--no-emit-index-url", "--no-emit-find-links", *options]
    command += ["--output-file", str(output), "-"]
    subprocess.run(command, input="\n".join(requirements), text=True, check=True, cwd=ROOT)


def main() -> None:
    """Print the names, or write requirements.txt."""
    names = direct(yaml.safe_load((ROOT / "environment.yaml").read_text()))
    if "--names" in sys.argv:
        print("\n".join(names))
        return

    options = ["--upgrade"] if "--upgrade" in sys.argv else []
    compiled(names, ROOT / "requirements.txt", *options)


if __name__ == "__main__":
    main()
