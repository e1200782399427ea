"""Where the processor time of a prediction goes: `python -m benchmarks.spent [--connections 64]`.

Sluice on certified versions, 90/10, under wrk; processor time of each process group by the requests
that were answered, in microseconds. With two cores, two million of them a second are all there is,
the load's own share included."""

import argparse
import os
import sys
from pathlib import Path

from benchmarks.processes import STATE, tree
from benchmarks.results import leave
from benchmarks.setups.sluice import Stack, stack
from benchmarks.wrk_load import write_bodies, wrk

TICK_S = 1 / os.sysconf("SC_CLK_TCK")
SECONDS = 5.0


def main() -> int:
    """Measure once and print; returns 1 when a request failed."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.spent", description=__doc__)
    parser.add_argument(
        "--connections", type=int, default=64, help="kept connections (%(default)s)"
    )
    connections = parser.parse_args().connections
    bodies = write_bodies(STATE / "bodies.jsonl")
    with stack("spent") as made:
        made.run("ab", "v2", "--percent", "10")
        groups = _groups(made)
        wrk(f"{made.url}/predict", bodies, connections, 1.0)
        before = {name: spent_s(pids) for name, pids in groups.items()}
        children = os.times()
        load = wrk(f"{made.url}/predict", bodies, connections, SECONDS)
        after = os.times()
        used = {name: spent_s(pids) - before[name] for name, pids in groups.items()}

    used["wrk"] = (
        after.children_user
        + after.children_system
        - children.children_user
        - children.children_system
    )
    microseconds = {name: round(seconds / load.requests * 1e6, 1) for name, seconds in used.items()}
    leave(
        "spent",
        {
            "connections": connections,
            "requests_s": round(load.requests_s),
            "microseconds": microseconds,
        },
    )
    return 1 if load.failed else 0


def _groups(made: Stack) -> dict[str, list[int]]:
    """The supervised process groups by their program's name."""
    top = int((made.state / "run" / "supervisord.pid").read_text())
    masters = Path(f"/proc/{top}/task/{top}/children").read_text().split()
    return {_program(int(pid)): tree(int(pid)) for pid in masters}


def _program(pid: int) -> str:
    environment = Path(f"/proc/{pid}/environ").read_bytes().decode(errors="replace").split("\0")
    return next(
        variable.partition("=")[2]
        for variable in environment
        if variable.startswith("SUPERVISOR_PROCESS_NAME=")
    )


def spent_s(pids: list[int]) -> float:
    """Processor time of these processes, user and system."""
    total = 0
    for pid in pids:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        total += int(fields[11]) + int(fields[12])
    return total * TICK_S


if __name__ == "__main__":
    sys.exit(main())
