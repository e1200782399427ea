"""`export` as people type it: what it prints, and its exit codes."""

import json
import os
import subprocess
import sys

import pytest

from tests.export.export_harness import ROOT


@pytest.fixture
def run(harness):
    """deploy.py with the harness's folders, on a machine without Node, which is faster: exit code,
    standard output and error.
    """
    delivery = harness.delivery
    folders = {"RELEASES": delivery.releases, "KEYS": delivery.keys, "STATE": ROOT / "var"}
    environ = {**os.environ, **{f"SLUICE_{name}": str(path) for name, path in folders.items()}}
    environ["PATH"] = str(delivery.folder)

    def ran(*words):
        done = subprocess.run(
            [sys.executable, "deploy.py", "export", *map(str, words)],
            cwd=ROOT,
            env=environ,
            capture_output=True,
            text=True,
            check=False,
        )
        return done.returncode, done.stdout, done.stderr

    return ran


def test_a_version_is_exported_and_verified(run, exported, tmp_path):
    code, said, _ = run("v1", "--to", tmp_path / "edge", "--json")
    value = json.loads(said.splitlines()[-1])
    assert (code, value["version"]) == (0, "v1")
    assert value["certified"]["onnxruntime"]["rows"] == 160
    assert "Node is missing" in value["left_out"]["onnxruntime-web"]
    code, said, _ = run("--verify", tmp_path / "edge")
    assert code == 0
    assert said.count("✔") == 4


def test_what_is_refused_has_its_exit_code_and_next_step(run, exported, copy, tmp_path):
    code, _, said = run("v1")
    assert code == 2
    assert "name a version and a folder" in said
    code, _, said = run("v9", "--to", tmp_path / "none")
    assert code == 1
    assert "v9 was not delivered: `python deploy.py deliver v9" in said
    code, _, said = run("v1", "--to", exported.folder)
    assert code == 1
    assert "is not empty: remove it, or name another folder" in said
    (copy / "model.json").unlink()
    code, _, said = run("--verify", copy)
    assert code == 6
    assert "model.json cannot be read" in said
