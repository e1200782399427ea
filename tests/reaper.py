"""Ends every process that a test run started, once the run itself has ended, however it ended.
Linux's /proc.

Run as a process of its own, `python tests/reaper.py MARK`: it waits until the process that started
it has ended, also by kill -9, or has closed its standard input. What the run started carries MARK
in its environment; what has cleared its environment is found as a child of what carries it."""

import os
import select
import signal
import sys
import time
from pathlib import Path

NAME = "TEST_RUN"
POLL_S = 0.05
LOOK_S = 0.5


def started_by(mark: str) -> list[int]:
    """Process ids of what runs with that mark and of its descendants, without this process and
    those above it.
    """
    parents = {pid: parent for pid in _process_ids() if (parent := _parent(pid))}
    line = f"{NAME}={mark}".encode()
    found = {pid for pid in parents if line in _environment(pid)}
    grown = True
    while grown:
        more = {pid for pid, parent in parents.items() if parent in found} - found
        found |= more
        grown = bool(more)

    above, pid = {os.getpid()}, os.getpid()
    while pid := parents.get(pid, 0):
        above.add(pid)

    return sorted(found - above)


def left_after(mark: str, patience_s: float) -> list[int]:
    """What still runs though it had so long to end."""
    give_up = time.monotonic() + patience_s
    while (found := started_by(mark)) and time.monotonic() < give_up:
        time.sleep(POLL_S)
    return found


def kill_all(mark: str) -> list[int]:
    """Kill until none is left; returns who was killed."""
    killed: set[int] = set()
    while found := started_by(mark):
        killed |= set(found)
        for pid in found:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        time.sleep(POLL_S)

    return sorted(killed)


def _process_ids() -> list[int]:
    return [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]


def _parent(pid: int) -> int:
    """Its parent, 0 for one that has ended."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0
    return 0 if fields[0] in "ZX" else int(fields[1])


def _environment(pid: int) -> list[bytes]:
    try:
        return Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    except OSError:
        return []


if __name__ == "__main__":
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    run = os.getppid()
    while os.getppid() == run and not select.select([sys.stdin], [], [], LOOK_S)[0]:
        pass
    kill_all(sys.argv[1])
