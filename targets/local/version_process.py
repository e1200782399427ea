"""One version's process group under the supervisor: stopped, watched, and asked for its socket."""

import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from deployment.workspace.errors import NotRunning
from deployment.workspace.workspace import Workspace
from targets.local.supervisor_client import Supervisor
from targets.local.supervisord_conf import log_file

ENDED = ("BACKOFF", "EXITED", "FATAL", "STOPPED")
LOG_TAIL = 8192
REASON_LENGTH = 300


def stop_program(workspace: Workspace, program: str) -> None:
    """Stop a process group gracefully; nothing happens where there is none."""
    with suppress(NotRunning):
        Supervisor(workspace).remove(program)
    unlink_socket(workspace, program)


def unlink_socket(workspace: Workspace, program: str) -> None:
    """Remove the file of a program's socket, if it exists."""
    _socket_path(workspace, program).unlink(missing_ok=True)


def lost_socket(workspace: Workspace, program: str) -> bool:
    """Whether the process listens on a socket whose file was deleted: nobody can connect."""
    path = _socket_path(workspace, program)
    return not path.exists() and _is_bound(path)


def watch_for_end(supervisor: Supervisor, program: str) -> Callable[[], str | None]:
    """A function that returns why the process ended since its first call; None while it runs."""
    pids: set[int] = set()

    def ended() -> str | None:
        process = supervisor.process(program)
        if process is None:
            return "removed by somebody else"
        if process.state in ENDED:
            return process.ended_because or process.state.lower()

        if process.pid:
            pids.add(process.pid)
        if len(pids) > 1:
            return "it was restarted"
        return None

    return ended


def likely_reason(workspace: Workspace, program: str) -> str:
    """The last line of a program's log that is not a traceback's frame; may be empty."""
    try:
        text = log_file(workspace, program).read_text(errors="replace")
    except OSError:
        return ""

    lines = [line.strip() for line in text[-LOG_TAIL:].splitlines() if _is_message(line)]
    reasons = [line for line in lines if "[INFO]" not in line and "gunicorn" not in line] or lines
    if not reasons:
        return ""
    return f"\n  its log ends with: {reasons[-1][:REASON_LENGTH]}"


def _is_message(line: str) -> bool:
    return bool(line.strip()) and not line.startswith(" ")


def _socket_path(workspace: Workspace, program: str) -> Path:
    return Path(workspace.address(program).removeprefix("unix:"))


def _is_bound(path: Path) -> bool:
    """Whether a process of this machine has a socket that was made at this path (Linux's /proc)."""
    try:
        lines = Path("/proc/net/unix").read_bytes().splitlines()
    except OSError:
        return False
    return any(line.endswith(b" " + os.fsencode(path)) for line in lines)
