"""kill -9 of what holds the stack up, under its users' load: who is lost, and that no ghost is
believed.
"""

import os
import signal

from tests.e2e.stack_harness import StackHarness, Users
from tests.until import until


def workers(stack: StackHarness) -> set[int]:
    """Process ids of the router's workers, by its own word."""
    return {worker["pid"] for worker in stack.status()["workers"]}


def kill(*pids: int) -> None:
    """End them without a goodbye."""
    for pid in pids:
        os.kill(pid, signal.SIGKILL)


def test_a_killed_router_master_refuses_nobody_loses_nothing_and_leaves_no_ghost(
    stack: StackHarness,
) -> None:
    stack.up("v1", "v2")
    master, *before = stack.pids("router")
    assert workers(stack) == set(before)
    with Users(stack, 4) as kept, Users(stack, 2, keep=False) as newcomers:
        kill(master)
        until(
            lambda: workers(stack) and not workers(stack) & set(before), "other workers answer", 60
        )
        kept.more(100)
        newcomers.more(50)
        stack.run("promote", "v2")
        kept.only("v2")
        assert "v1 retired" in stack.run("retire", "v1", "--force").out

    assert (kept.failed, newcomers.failed) == ([], [])
    assert stack.run("doctor").code == 0
    assert workers(stack) == set(stack.pids("router")[1:])


def test_who_connects_while_the_whole_router_is_dead_waits_for_its_restart(
    stack: StackHarness,
) -> None:
    stack.up("v1")
    with Users(stack, 4, keep=False) as users:
        before = stack.pids("router")
        kill(*before)
        users.more(100)

    refused = [why for why in users.failed if "ConnectError" in why]
    assert refused == []
    assert len(users.failed) <= users.clients, (
        "only what was in the hands of the dead worker is cut"
    )
    assert not set(stack.pids("router")) & set(before)


def test_what_is_asked_while_the_only_version_is_dead_waits_for_its_restart(
    stack: StackHarness,
) -> None:
    stack.up("v1")
    program = next(row["program"] for row in stack.status()["versions"] if row["name"] == "v1")
    with Users(stack) as users:
        for order in (1, -1):
            kill(*stack.pids(program)[::order])
            users.more(200)

    assert users.failed == []
    assert stack.status()["failed_requests"] == 0
