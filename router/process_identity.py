"""Identifies a process by its id and start time, since the system reuses ids."""

import os
from functools import cache
from pathlib import Path

PROC = Path("/proc")


@cache
def _has_proc() -> bool:
    return (PROC / "self" / "stat").exists()


def started_at(pid: int) -> int:
    """When a process started, in clock ticks since boot; 0 if it has ended or there is no /proc."""
    try:
        fields = (PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0

    if fields[0] in "ZX":
        return 0
    return int(fields[19])


def lives(pid: int, started: int) -> bool:
    """Whether the process with that start runs; without /proc, whether any process has its id."""
    if _has_proc():
        return started != 0 and started_at(pid) == started

    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True

    return True
