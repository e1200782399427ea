"""Load tests on a real stack: their result, their end, and a rollout that is judged beside them."""

import signal
import subprocess
import time
from pathlib import Path

import psutil
import pytest

from store import EvidenceStore
from store.engine import engine
from tests.e2e.conftest import new_stack
from tests.e2e.stack_harness import StackHarness, VerbResult
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
USERS = 60
OF_THE_CLOCK = {"timing", "elapsed"}
"""Kinds of evidence that grow with time, whoever sends."""


@pytest.fixture(scope="module")
def stack(delivered: Path, tmp_path_factory: pytest.TempPathFactory):
    made = new_stack(delivered, tmp_path_factory.mktemp("load"))
    made.more["SLUICE_CONFIG"] = str(made.folder / "deploy.toml")
    configure(made)
    made.up("v1", "v2")
    yield made
    made.run("down")


def configure(stack: StackHarness, p99_ms: float = 10_000.0) -> None:
    """Write the settings, with another limit for `load`."""
    text = SETTINGS.replace("p99_ms = 10000.0", f"p99_ms = {p99_ms}")
    (stack.folder / "deploy.toml").write_text(text)


def evidence(stack: StackHarness) -> dict[str, dict]:
    """What the rollout in progress has, by version, without what grows with time."""
    database = engine(f"sqlite:///{stack.folder}/var/ledger.db")
    try:
        rollout = stack.ledger.rollout
        assert rollout is not None
        rows = EvidenceStore(database, "flights").of(rollout.id)
    finally:
        database.dispose()

    counted: dict[str, dict] = {}
    for row in rows:
        kept = {kind: counts for kind, counts in row.body.items() if kind not in OF_THE_CLOCK}
        counted.setdefault(f"{row.version} at {row.weight}", {}).update(kept)

    return counted


def drawn(stack: StackHarness) -> int:
    """Users' first requests of the rollout in progress."""
    return sum(counts.get("drawn", {}).get("all", 0) for counts in evidence(stack).values())


def generator_of(process: subprocess.Popen) -> psutil.Process:
    """The generator of a `load` that runs, once it sends."""

    def children() -> list[psutil.Process]:
        found = psutil.Process(process.pid).children(recursive=True)
        return [child for child in found if "load.engine" in child.cmdline()]

    return until(children, "the generator runs")[0]


def judged(done: VerbResult, code: int) -> VerbResult:
    """A load test that ended with this code, or on a busy machine with that of a late generator."""
    assert done.code in (code, 3), done.out
    assert done.code != 3 or "the generator" in done.out
    return done


def has_ended(process: psutil.Process) -> bool:
    """Whether it is gone, or waits to be buried."""
    return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE


def test_a_load_is_held_against_the_limits_and_leaves_a_page(stack: StackHarness):
    page = stack.folder / "load.html"
    words = ("load", "--rate", "100", "--for", "2s", "--report", str(page), "--json")
    done = judged(stack.run(*words, check=False), 0)
    assert done.json["versions"]["v1"]["ok"] == done.json["all"]["requests"] > 100
    text = page.read_text()
    assert "<svg" in text
    assert "<script" not in text

    configure(stack, p99_ms=0.001)
    done = stack.run("load", "--users", "5", "--think", "20ms", "--for", "2s", check=False)
    configure(stack)
    assert judged(done, 1).code == 3 or "at most 0.001 ms" in done.out, done.out


def test_a_load_during_a_judged_canary_changes_nothing_of_its_verdict(stack: StackHarness):
    stack.run("canary", "v2", "--auto")
    stack.wait_until_followed()
    for number in range(USERS):
        assert stack.predict(**{"X-Unit-Id": f"user-{number}"}).status_code == 200

    until(lambda: drawn(stack) == USERS, "the users' requests are stored")
    before, revision = evidence(stack), stack.ledger.revision
    done = judged(stack.run("load", "--rate", "150", "--for", "3s", "--json", check=False), 0)
    assert {"v1", "v2"} <= set(done.json["versions"])

    # What is stored afterwards has all that was counted before it.
    assert stack.predict(**{"X-Unit-Id": "the last user"}).status_code == 200
    until(lambda: drawn(stack) == USERS + 1, "the last user's request is stored")
    after = evidence(stack)
    assert stack.ledger.revision == revision
    assert after.keys() == before.keys()
    for key, kinds in after.items():
        for kind, counts in kinds.items():
            # The last user's request may be asked of both versions, which counts in some words.
            assert sum(counts.values()) - sum(before[key].get(kind, {}).values()) <= 5, kind

    status = stack.status()["versions"]
    assert sum(version["requests"] for version in status) < 2 * USERS

    done = stack.run("load", "--shape", "find-limit", check=False)
    assert (done.code, "wait for the rollout" in done.out) == (1, True)
    stack.run("abort")


def test_a_generator_that_stood_still_makes_the_run_invalid(stack: StackHarness):
    process = stack.start("load", "--rate", "200", "--for", "5s")
    generator = generator_of(process)
    assert process.stdout is not None
    assert "requests" in process.stdout.readline()
    generator.suspend()
    stopped = time.monotonic()
    until(lambda: time.monotonic() - stopped > 1.5, "it stood still")
    generator.resume()
    out, _ = process.communicate(timeout=300)
    assert (process.returncode, "late" in out) == (3, True), out


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_the_generator_ends_with_its_parent(stack: StackHarness, how: signal.Signals):
    process = stack.start("load", "--rate", "50", "--for", "10m")
    generator = generator_of(process)
    process.send_signal(how)
    process.communicate(timeout=300)
    until(lambda: has_ended(generator), "the generator is gone")
