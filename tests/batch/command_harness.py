"""`deploy.py predict` as a user types it, with the loans' bundles."""

import os
from dataclasses import dataclass
from pathlib import Path

import msgspec

from tests.batch.batch_harness import WAIT_S
from tests.e2e.forked_verbs import VERBS, VerbEnd

SETTINGS = 'model = "loans"\n[router]\nshadow_tolerance = 1e-6\n'


@dataclass
class PredictCommand:
    """A project with delivered loans."""

    folder: Path
    releases: Path
    public_key: Path

    def run(self, *words: str, code: int = 0) -> VerbEnd:
        """`python deploy.py predict WORDS`."""
        config = self.folder / "deploy.toml"
        config.write_text(SETTINGS)
        environment = {
            "SLUICE_STATE": str(self.folder / "var"),
            "SLUICE_CONFIG": str(config),
            "SLUICE_RELEASES": str(self.releases),
            "SLUICE_KEYS": str(self.public_key.parent),
        }
        ended = VERBS.run(["predict", *words], {**os.environ, **environment}, timeout_s=WAIT_S)
        assert ended.code == code, ended.err + ended.out
        return ended


def answer(ended: VerbEnd) -> dict:
    """The last line of --json."""
    return msgspec.json.decode(ended.out.splitlines()[-1])
