"""A project of a test's own, with toy processes and signed toy bundles."""

import base64
import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from deployment.commands import verbs
from deployment.commands.run_verb import Done, act
from deployment.workspace.ledger import opened_record, read_ledger
from deployment.workspace.workspace import Workspace, workspace_from_environment
from rollout.settings import Settings
from rollout.state.ledger import Ledger
from service.bundle_files import FORMAT
from store import Entry
from targets.local.stack import down
from tests.e2e.forked_verbs import VERBS
from tests.until import until

__all__ = ["ProjectHarness", "kill", "until"]

ROOT = Path(__file__).resolve().parents[2]
# Without their bytecode kept, processes would spend most of a test compiling.
DROPPED = ("PORT", "DATABASE_URL", "PYTHONDONTWRITEBYTECODE")
PROCFILE = """\
router: python -m tests.deployment.toy_router
service: python -m tests.deployment.toy_service
"""


@dataclass
class ProjectHarness:
    """Folders of one test, and the environment in which deploy.py uses them."""

    folder: Path
    key: Ed25519PrivateKey = field(default_factory=Ed25519PrivateKey.generate)
    said: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Make keys, settings and Procfile."""
        (self.folder / "keys").mkdir(parents=True)
        public = self.key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        (self.folder / "keys" / "sluice.pub").write_bytes(public)
        (self.folder / "Procfile").write_text(PROCFILE)
        (self.folder / "deploy.toml").write_text(
            "[deployment]\nready_timeout_s = 120.0\ndrain_timeout_s = 5.0\n"
        )

    @property
    def state(self) -> Path:
        """The state folder."""
        return self.folder / "var"

    @property
    def environment(self) -> dict[str, str]:
        """What moves deploy.py to this project."""
        kept = {
            k: v for k, v in os.environ.items() if not k.startswith("SLUICE_") and k not in DROPPED
        }
        return kept | {
            "SLUICE_STATE": str(self.state),
            "SLUICE_CONFIG": str(self.folder / "deploy.toml"),
            "SLUICE_RELEASES": str(self.folder / "releases"),
            "SLUICE_KEYS": str(self.folder / "keys"),
            "SLUICE_PROCFILE": str(self.folder / "Procfile"),
            "SLUICE_ACTOR": "ana@test",
            "PORT": "0",
        }

    def workspace(self, **changes: str) -> Workspace:
        """The place deploy.py sees."""
        return workspace_from_environment(self.environment | changes)

    def deliver(self, name: str, behaviour: str = "", **manifest: Any) -> Path:
        """A signed toy bundle that doubles x."""
        path = self.folder / "releases" / name
        path.mkdir(parents=True)
        golden = "".join(
            json.dumps({"row": {"x": x}, "prediction": x * 2}) + "\n" for x in range(1, 9)
        )
        (path / "golden.jsonl").write_text(golden)
        if behaviour:
            (path / "behaviour").write_text(behaviour)

        digest = hashlib.sha256(golden.encode()).hexdigest()
        content = {
            "format": FORMAT,
            "model": "flights",
            "version": name,
            "task": "regression",
            "classes": None,
            "output": "predict",
            "columns": [{"name": "x", "dtype": "int", "nullable": False}],
            "runtime": {"certified": "onnx", "tolerance": 1e-5},
            "comparison": {"golden": 1e-5},
            "files": {"golden.jsonl": {"sha256": digest, "bytes": len(golden)}},
            **manifest,
        }
        raw = yaml.safe_dump(content).encode()
        (path / "release.yaml").write_bytes(raw)
        (path / "signature").write_bytes(base64.b64encode(self.key.sign(raw)))
        return path

    def act(self, verb: str, *options: Any, reason: str = "", actor: str = "ana@test") -> Done:
        """One acting verb, in this process."""
        there = self.workspace(SLUICE_ACTOR=actor)
        return act(there, getattr(verbs, verb)(there, *options), reason, self.said.append)

    def ledger(self) -> Ledger:
        """The record's newest ledger."""
        with opened_record(self.workspace()) as store:
            return read_ledger(store)

    def newest(self) -> Entry:
        """The record's newest entry."""
        with opened_record(self.workspace()) as store:
            found = store.newest()
        assert found is not None
        return found

    def end(self) -> None:
        """Stop whatever runs here, also where the settings are broken."""
        here = workspace_from_environment(self.environment, Settings())
        down(here, self.said.append)
        shutil.rmtree(here.run)

    def run(self, *arguments: str, code: int = 0, database: str = "") -> "Answer":
        """Run deploy.py to its end; asserts the exit code."""
        ended = VERBS.run(arguments, self.environment | {"DATABASE_URL": database})
        assert ended.code == code, f"{arguments} gave {ended.code}:\n{ended.out}{ended.err}"
        return Answer(ended.out, ended.err)

    def begin(self, *arguments: str, database: str = "") -> "subprocess.Popen[str]":
        """Start deploy.py and go on."""
        return subprocess.Popen(
            [sys.executable, str(ROOT / "deploy.py"), *arguments],
            cwd=ROOT,
            env=self.environment | {"DATABASE_URL": database},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )


@dataclass(frozen=True)
class Answer:
    """What deploy.py said."""

    out: str
    err: str

    @property
    def json(self) -> Any:
        """Its last line as JSON."""
        return json.loads(self.out.strip().splitlines()[-1])


def kill(pid: int) -> None:
    """The process's end without a goodbye."""
    os.kill(pid, signal.SIGKILL)
