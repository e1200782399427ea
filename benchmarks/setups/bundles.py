"""The delivered versions that the set-ups serve."""

import os
import subprocess
import sys
from pathlib import Path

from benchmarks.processes import ROOT, BenchmarkFailed

RELEASES = ROOT / "releases"


def bundle(version: str, recipe: str = "") -> Path:
    """The folder of a delivered version; delivers it where it is not there, from its recipe
    (default: the flights').
    """
    folder = RELEASES / version
    if not folder.exists():
        source = recipe or f"examples/flights/{version}.py"
        command = [sys.executable, "deploy.py", "deliver", version, "--from", source]
        done = subprocess.run(
            command, cwd=ROOT, env=os.environ, capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise BenchmarkFailed(f"{version} could not be delivered: {done.stderr or done.stdout}")

    return folder
