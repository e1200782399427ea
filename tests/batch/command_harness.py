"""`deploy.py predict` as a user types it, with the loans' bundles."""

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import msgspec

from tests.batch.batch_harness import ROOT, WAIT_S

SETTINGS = 'model = "loans"\n[router]\nshadow_tolerance = 1e-6\n'


@dataclass
class PredictCommand:
    """A project with delivered loans."""

    folder: Path
    releases: Path
    public_key: Path

    def run(self, *words: str, code: int = 0) -> "subprocess.CompletedProcess[str]":
        """`python deploy.py predict WORDS`."""
        config = self.folder / "deploy.toml"
        config.write_text(SETTINGS)
        environment = {
            "SLUICE_STATE": str(self.folder / "var"),
            "SLUICE_CONFIG": str(config),
            "SLUICE_RELEASES": str(self.releases),
            "SLUICE_KEYS": str(self.public_key.parent),
        }
        done = subprocess.run(
            [sys.executable, "deploy.py", "predict", *words],
            cwd=ROOT,
            capture_output=True,
            text=True,
            env={**os.environ, **environment},
            timeout=WAIT_S,
            check=False,
        )
        assert done.returncode == code, done.stderr + done.stdout
        return done


def answer(done: "subprocess.CompletedProcess[str]") -> dict:
    """The last line of --json."""
    return msgspec.json.decode(done.stdout.splitlines()[-1])
