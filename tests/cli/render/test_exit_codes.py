"""How an outcome is told to people."""

import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from cli.render.exit_codes import Out
from tests.deployment.project_harness import ROOT, ProjectHarness, until


@pytest.mark.parametrize(("metrics", "lines"), [({}, 3), ({"auc": 0.5}, 4)])
def test_a_delivery_has_no_empty_line_where_there_are_no_metrics(
    metrics: dict[str, float], lines: int, capsys: pytest.CaptureFixture[str]
) -> None:
    runtime = SimpleNamespace(certified="onnx", reason="equal")
    Out(as_json=False).delivered("v1", Path("releases/v1"), "digest", True, runtime, metrics)
    told = capsys.readouterr().out.splitlines()
    assert len(told) == lines
    assert all(line.strip() for line in told)


def unread(project: ProjectHarness, *words: str) -> "subprocess.Popen[str]":
    """A run of deploy.py into a pipe whose reader has gone already."""
    reader, writer = os.pipe()
    os.close(reader)
    command = [sys.executable, str(ROOT / "deploy.py"), *words]
    try:
        return subprocess.Popen(
            command,
            cwd=ROOT,
            env=project.environment,
            stdout=writer,
            stderr=subprocess.PIPE,
            text=True,
        )
    finally:
        os.close(writer)


def test_an_act_whose_reader_has_gone_is_done_whole(running: ProjectHarness) -> None:
    for verb, words, left in (
        ("deploy", ("deploy", "v1"), 1),
        ("promote", ("promote", "v1"), 2),
        ("deploy", ("deploy", "v2", "--json"), 3),
        ("canary", ("canary", "v2"), 4),
        ("rollback", ("rollback", "--json"), 5),
    ):
        process = unread(running, *words)
        assert (process.communicate(timeout=60)[1].count("Traceback"), process.returncode) == (0, 0)
        assert (running.newest().action, running.newest().revision) == (verb, left)

    assert running.ledger().weight("v1") == 10_000


@pytest.mark.parametrize(
    "words", [("status",), ("history",), ("lint",), ("--help",), ("plan", "v2")]
)
def test_what_only_shows_ends_without_a_traceback_where_nobody_reads(
    running: ProjectHarness, words: tuple[str, ...]
) -> None:
    process = unread(running, *words)
    assert "Traceback" not in process.communicate(timeout=60)[1]


def test_an_endless_watch_ends_when_its_reader_goes(running: ProjectHarness) -> None:
    process = running.begin("watch")
    assert process.stdout is not None
    assert process.stderr is not None
    with process.stdout, process.stderr:
        assert process.stdout.readline().startswith("revision ")
        process.stdout.close()
        until(lambda: process.poll() is not None, "watch ends")
        assert (process.returncode, process.stderr.read()) == (0, "")


def test_a_refusal_on_a_full_disk_keeps_its_exit_code(project: ProjectHarness) -> None:
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [sys.executable, str(ROOT / "deploy.py"), "rollback", "--json"],
            cwd=ROOT,
            env=project.environment,
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )

    assert (done.returncode, done.stderr) == (1, "")
