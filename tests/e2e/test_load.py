"""Load tests on a real stack, beside users and a rollout that is judged."""

import json
import os
import signal
import time
from pathlib import Path

import httpx
import psutil
import pytest

from store import EvidenceStore
from store.engine import engine
from tests.e2e.conftest import new_stack
from tests.e2e.stack_harness import ROW, StackHarness, Users
from tests.until import until

SETTINGS = """
model = "flights"
[verdict]
steps = "50"
step_s = 600.0
[load]
p50_ms = 10000.0
p99_ms = 10000.0
errors = 0.0
"""


@pytest.fixture(scope="module")
def stack(delivered: Path, tmp_path_factory: pytest.TempPathFactory):
    made = new_stack(delivered, tmp_path_factory.mktemp("load"))
    made.more["SLUICE_CONFIG"] = str(made.folder / "deploy.toml")
    limits(made)
    made.up("v1", "v2")
    yield made
    made.run("down")


def limits(stack: StackHarness, more: str = "") -> None:
    """Write the settings, with other limits for `load`."""
    (stack.folder / "deploy.toml").write_text(SETTINGS + more)


def evidence(stack: StackHarness) -> dict:
    """What the rollout in progress has, by version: first requests and outcomes."""
    database = engine(f"sqlite:///{stack.folder}/var/ledger.db")
    try:
        rollout = stack.ledger.rollout
        assert rollout is not None
        counted = EvidenceStore(database, "flights").counted(rollout.id)
        return {row[0]: row[2] for row in counted}
    finally:
        database.dispose()


def test_a_load_is_judged_by_limits_with_exit_codes_and_a_report(stack: StackHarness, tmp_path):
    page = tmp_path / "load.html"
    done = stack.run("load", "--rate", "100", "--for", "2s", "--report", str(page), "--json")
    assert done.json["result"] == "pass"
    assert done.json["versions"]["v1"]["ok"] == done.json["all"]["requests"] > 100
    text = page.read_text()
    assert "<svg" in text
    assert "<script" not in text
    assert "http" not in text.replace("http-equiv", "")

    limits(stack, "shed = 0.0\n")
    (stack.folder / "deploy.toml").write_text(SETTINGS.replace("99_ms = 10000", "99_ms = 0.001"))
    done = stack.run("load", "--users", "5", "--think", "20ms", "--for", "2s", check=False)
    limits(stack)
    assert (done.code, "at most 0.001 ms" in done.out) == (1, True), done.out
