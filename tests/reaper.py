"""Ends every process that a test run started, once the run has ended. It reads Linux's /proc.

It runs as a process of its own, `python tests/reaper.py MARK`, and waits until the process that
started it has ended, also by kill -9, or has closed its standard input. Processes of the run have
MARK in their environment; one that cleared its environment is known as their child.
"""

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
    """Ids of the processes with that mark and of their descendants, without this process and its
    ancestors.
    """
    parents = {pid: parent for pid in _process_ids() if (parent := _parent(pid))}
    line = f"{NAME}={mark}".encode()
    running = {pid for pid in parents if line in _environment(pid)}
    grown = True
    while grown:
        more = {pid for pid, parent in parents.items() if parent in running} - running
        running |= more
        grown = bool(more)

    above, pid = {os.getpid()}, os.getpid()
    while pid := parents.get(pid, 0):
        above.add(pid)

    return sorted(running - above)


def left_after(mark: str, patience_s: float) -> list[int]:
    """Processes that still run after so many seconds."""
    give_up = time.monotonic() + patience_s
    while (running := started_by(mark)) and time.monotonic() < give_up:
        time.sleep(POLL_S)
    return running


def kill_all(mark: str) -> list[int]:
    """Kill until none is left; returns the ids of those killed."""
    killed: set[int] = set()
    while running := started_by(mark):
        killed |= set(running)
        for pid in running:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        time.sleep(POLL_S)

    return sorted(killed)


def _process_ids() -> list[int]:
    return [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]


def _parent(pid: int) -> int:
    """The parent's id, 0 for a process that has ended."""
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
