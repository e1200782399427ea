"""The history as its readers see it, and acts while it is locked or gone."""

import csv
import io
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

import pyarrow.parquet

from tests.e2e.stack_harness import StackHarness, Users
from tests.until import until


def counted(stack: StackHarness, since: str = "1h") -> dict[str, int]:
    """Requests by version, by `metrics --json`; empty while there is no history."""
    result = stack.run("metrics", "--since", since, "--json", check=False)
    if result.code:
        return {}
    versions = result.json["versions"]
    return {name: sum(numbers["requests"]) for name, numbers in versions.items()}


@contextmanager
def locked(stack: StackHarness) -> Iterator[None]:
    """Nobody else can write the history meanwhile."""
    holder = sqlite3.connect(stack.folder / "var" / "ledger-history.db", isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    try:
        yield
    finally:
        holder.close()


def history_log(stack: StackHarness) -> list[str]:
    """What the router said about its history."""
    text = (stack.folder / "var" / "log" / "router.log").read_text()
    return [line for line in text.splitlines() if "the history is" in line]


def test_the_history_tells_the_past_and_no_act_waits_for_it(stack: StackHarness) -> None:
    stack.up("v1", "v2")
    with Users(stack, 2) as users:
        stack.run("canary", "v2", "--auto", "--steps", "50")
        users.more(300)
        until(
            lambda: (
                (stack.run("status", "--at", "1s", "--json", check=False).code == 0)
                and stack.run("status", "--at", "1s", "--json").json["verdict"]
            ),
            "a moment of the canary is kept",
        )
        seen_at = datetime.now(UTC).isoformat()
        with locked(stack):
            until(lambda: len(history_log(stack)) == 1, "the log says that it is locked")
            stack.run("abort")
            users.only("v1")
            users.more(100)
            assert len(history_log(stack)) == 1, "it says so once"

        until(lambda: len(history_log(stack)) == 2, "the log says that it is written again")

    answered = dict(users.answers)
    until(lambda: counted(stack) == answered, f"the history has {answered}")
    past = stack.run("status", "--at", seen_at, "--json").json
    assert past["split"] == {"v1": 50.0, "v2": 50.0}
    assert past["rollout"]["candidate"] == "v2"
    assert past["verdict"]["candidate"] == "v2"
    assert past["versions"]["v2"]["requests"] > 0
    assert "canary of v2 against v1" in stack.run("watch", "--at", seen_at).out

    rows = list(csv.DictReader(io.StringIO(stack.run("metrics", "v2", "--csv").out)))
    assert sum(int(row["requests"]) for row in rows) == answered["v2"]
    file = stack.folder / "v2.parquet"
    stack.run("metrics", "v2", "--parquet", str(file))
    table = pyarrow.parquet.read_table(file)
    assert sum(table["requests"].to_pylist()) == answered["v2"]
    assert "as of" in stack.run("metrics", "v1", "--since", "10m").out

    for path in (stack.folder / "var").glob("ledger-history.db*"):
        path.unlink()

    with Users(stack, 2) as again:
        stack.run("promote", "v2", "--step", check=False)
        stack.run("rollback", check=False)
        again.more(50)

    more = dict(again.answers)
    until(lambda: counted(stack) == more, f"only what came after the deletion: {more}")
    assert (users.failed, again.failed) == ([], [])
