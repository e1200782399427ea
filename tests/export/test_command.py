"""`export` as people type it: what it prints, and its exit codes."""

import json
import os
import signal
import subprocess
import sys

import pytest

from tests.e2e.forked_verbs import VERBS
from tests.export.export_harness import ROOT
from tests.until import until


@pytest.fixture
def environ(harness):
    """The harness's folders, on a machine without Node, which is faster."""
    delivery = harness.delivery
    folders = {"RELEASES": delivery.releases, "KEYS": delivery.keys, "STATE": ROOT / "var"}
    named = {f"SLUICE_{name}": str(path) for name, path in folders.items()}
    return {**os.environ, **named, "PATH": str(delivery.folder)}


@pytest.fixture
def start(environ):
    """start(words): `deploy.py export`."""
    started = []

    def begin(*words):
        command = [sys.executable, "deploy.py", "export", *map(str, words)]
        started.append(
            subprocess.Popen(command, cwd=ROOT, env=environ, stdout=-1, stderr=-1, text=True)
        )
        return started[-1]

    yield begin
    for process in started:
        if process.poll() is None:
            process.kill()
        process.communicate()


@pytest.fixture
def run(environ):
    """The same to its end: exit code, standard output and error."""
    return lambda *words: VERBS.run(["export", *map(str, words)], environ)


def test_a_version_is_exported_and_verified(run, tmp_path):
    code, said, _ = run("v1", "--to", tmp_path / "edge", "--json")
    value = json.loads(said.splitlines()[-1])
    assert (code, value["version"]) == (0, "v1")
    assert value["certified"]["onnxruntime"]["rows"] == 160
    assert "Node is missing" in value["left_out"]["onnxruntime-web"]
    code, said, _ = run("--verify", tmp_path / "edge")
    assert code == 0
    assert said.count("✔") == 4


def test_what_is_refused_has_its_exit_code_and_next_step(run, copy, tmp_path):
    code, _, said = run("v1")
    assert code == 2
    assert "name a version and a folder" in said
    code, _, said = run("v9", "--to", tmp_path / "none")
    assert code == 1
    assert "v9 was not delivered: `python deploy.py deliver v9" in said
    (copy / "model.json").unlink()
    code, _, said = run("--verify", copy)
    assert code == 6
    assert "model.json cannot be read" in said


def test_an_interruption_leaves_nothing(start, harness, tmp_path):
    process = start("v1", "--to", tmp_path / "edge")
    until(lambda: list(tmp_path.glob(".edge.partial-*")), "the draft is being written", 120)
    process.send_signal(signal.SIGTERM)
    _, said = process.communicate(timeout=300)
    assert process.returncode == 130, said
    assert "v1 is not exported and nothing of it is left" in said
    assert list(tmp_path.iterdir()) == []
