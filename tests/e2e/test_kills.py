"""kill -9 of what holds the stack up, under its users' load: who is lost, and that no ghost is
believed.
"""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.conftest import new_stack
from tests.e2e.stack_harness import StackHarness, Users
from tests.until import until

# A restart on a busy machine may take longer than users wait by default.
PATIENT = "[router.limits]\ndeadline_ms = 120000\nversion_timeout_ms = 60000\n"


@pytest.fixture(scope="module")
def only_v1(delivered: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[StackHarness]:
    """A stack with v1 alone, released."""
    folder = tmp_path_factory.mktemp("killed")
    (folder / "deploy.toml").write_text(PATIENT)
    made = new_stack(delivered, folder, SLUICE_CONFIG=str(folder / "deploy.toml"))
    made.up("v1")
    yield made
    made.run("down", check=False)


def workers(stack: StackHarness) -> set[int]:
    """Process ids of the router's workers, by its own word."""
    return {worker["pid"] for worker in stack.status()["workers"]}


def kill(*pids: int) -> None:
    """End them without a goodbye."""
    for pid in pids:
        os.kill(pid, signal.SIGKILL)


def test_who_connects_while_the_whole_router_is_dead_waits_for_its_restart(
    only_v1: StackHarness,
) -> None:
    with Users(only_v1, 4, keep=False) as users:
        before = only_v1.pids("router")
        kill(*before)
        users.more(100)

    refused = [why for why in users.failed if "ConnectError" in why]
    assert refused == []
    assert len(users.failed) <= users.clients, (
        "only what was in the hands of the dead worker is cut"
    )
    assert not set(only_v1.pids("router")) & set(before)


def test_what_is_asked_while_the_only_version_is_dead_waits_for_its_restart(
    only_v1: StackHarness,
) -> None:
    program = next(row["program"] for row in only_v1.status()["versions"] if row["name"] == "v1")
    with Users(only_v1) as users:
        for order in (1, -1):
            kill(*only_v1.pids(program)[::order])
            users.more(200)

    assert users.failed == []
    assert only_v1.status()["failed_requests"] == 0


def test_a_killed_router_master_refuses_nobody_loses_nothing_and_leaves_no_ghost(
    only_v1: StackHarness,
) -> None:
    only_v1.run("deploy", "v2")
    master, *before = only_v1.pids("router")
    assert workers(only_v1) == set(before)
    with Users(only_v1, 4) as kept, Users(only_v1, 2, keep=False) as newcomers:
        kill(master)
        until(
            lambda: workers(only_v1) and not workers(only_v1) & set(before),
            "other workers answer",
            60,
        )
        kept.more(100)
        newcomers.more(50)
        only_v1.run("promote", "v2")
        kept.only("v2")
        assert "v1 retired" in only_v1.run("retire", "v1", "--force").out

    assert (kept.failed, newcomers.failed) == ([], [])
    assert only_v1.run("doctor").code == 0
    assert workers(only_v1) == set(only_v1.pids("router")[1:])
