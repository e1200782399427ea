"""Finds and ends processes that outlived their supervisor: their environment carries its address
(Linux's /proc).
"""

import os
import signal
import time
from pathlib import Path

from deployment.workspace.workspace import Workspace
from targets.local.supervisord_conf import server_url

POLL_S = 0.05


def left_behind(place: Workspace) -> list[int]:
    """Process ids of everything this state folder's supervisor ever started that still runs."""
    mark = f"SUPERVISOR_SERVER_URL={server_url(place)}".encode()
    return [pid for pid in _process_ids() if pid != os.getpid() and mark in _environment(pid)]


def end_left_behind(place: Workspace, grace_s: float = 30.0) -> int:
    """Ask them to end, wait, then kill; returns how many there were."""
    found = left_behind(place)
    _signal(found, signal.SIGTERM)
    _wait_until_gone(found, grace_s)
    # Some may have started others meanwhile.
    still = left_behind(place)
    _signal(still, signal.SIGKILL)
    _wait_until_gone(still, 5.0)
    return len(found)


def ask_to_end(place: Workspace) -> None:
    """Send all of them SIGTERM."""
    _signal(left_behind(place), signal.SIGTERM)


def _wait_until_gone(pids: list[int], deadline_s: float) -> None:
    give_up = time.monotonic() + deadline_s
    while any(map(_runs, pids)) and time.monotonic() < give_up:
        time.sleep(POLL_S)


def _runs(pid: int) -> bool:
    """Whether the process still holds anything; one that has ended and waits to be counted does
    not.
    """
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def _process_ids() -> list[int]:
    proc = Path("/proc")
    if proc.is_dir():
        return [int(entry.name) for entry in proc.iterdir() if entry.name.isdigit()]
    return []


def _environment(pid: int) -> list[bytes]:
    try:
        return Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    except OSError:
        return []


def _signal(pids: list[int], number: int) -> None:
    for pid in pids:
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            continue
