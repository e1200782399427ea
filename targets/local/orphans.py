"""Finds and ends orphans of a state folder, by Linux's /proc.

A supervisor is known by its command line, which names its file; what outlived a supervisor by its
environment, which carries the supervisor's address.
"""

import os
import signal
import time
from pathlib import Path

from deployment.workspace.workspace import Workspace
from targets.local.supervisord_conf import daemon_conf, server_url

POLL_S = 0.05


def supervisors(workspace: Workspace) -> list[int]:
    """Process ids of this state folder's supervisors, with or without a socket and a pid file."""
    conf = os.fsencode(daemon_conf(workspace))
    pids = []
    for pid in _process_ids():
        if _is_supervisor(_words(pid, "cmdline"), conf) and _is_owned(pid):
            pids.append(pid)
    return pids


def left_behind(workspace: Workspace) -> list[int]:
    """Process ids of everything this state folder's supervisor ever started that still runs."""
    mark = f"SUPERVISOR_SERVER_URL={server_url(workspace)}".encode()
    return [pid for pid in _process_ids() if pid != os.getpid() and mark in _words(pid, "environ")]


def end_left_behind(workspace: Workspace, grace_s: float = 30.0) -> int:
    """Ask them to end, wait, then kill; returns how many there were."""
    orphans = left_behind(workspace)
    _signal(orphans, signal.SIGTERM)
    _wait_until_gone(orphans, grace_s)
    # Some may have started others meanwhile.
    survivors = left_behind(workspace)
    _signal(survivors, signal.SIGKILL)
    _wait_until_gone(survivors, 5.0)
    return len(orphans)


def ask_to_end(pids: list[int]) -> None:
    """Send all of them SIGTERM."""
    _signal(pids, signal.SIGTERM)


def _wait_until_gone(pids: list[int], deadline_s: float) -> None:
    give_up = time.monotonic() + deadline_s
    while any(map(_runs, pids)) and time.monotonic() < give_up:
        time.sleep(POLL_S)


def _runs(pid: int) -> bool:
    """Whether the process still runs; a zombie does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def _process_ids() -> list[int]:
    proc = Path("/proc")
    if not proc.is_dir():
        return []

    names = (entry.name for entry in proc.iterdir())
    return list(map(int, filter(str.isdigit, names)))


def _words(pid: int, kind: str) -> list[bytes]:
    """A process's "environ" or "cmdline"; empty where it ended or belongs to somebody else."""
    try:
        return Path(f"/proc/{pid}/{kind}").read_bytes().split(b"\0")
    except OSError:
        return []


def _is_supervisor(command: list[bytes], conf: bytes) -> bool:
    return conf in command and b"supervisor.supervisord" in command


def _is_owned(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}").stat().st_uid == os.getuid()
    except OSError:
        return False


def _signal(pids: list[int], number: int) -> None:
    for pid in pids:
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            continue
