"""The local target: process groups under the supervisor of one state folder. What executor.py asks
for happens here.
"""

import os
from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from pathlib import Path

from deployment.readiness import ReadinessProbe, probe_of, wait_ready, warmed_up
from deployment.router_client import check_model, wait_drained
from deployment.workspace.bundles import read_release
from deployment.workspace.errors import CannotStart, NotRunning
from deployment.workspace.locks import held
from deployment.workspace.secrets import read_secrets
from deployment.workspace.workspace import Workspace
from targets.local.programs import service_program
from targets.local.supervisor_client import Supervisor
from targets.local.supervisord_conf import log_file

GONE = ("BACKOFF", "EXITED", "FATAL", "STOPPED")


class LocalTarget:
    """Starts, proves, drains and stops the versions of one place."""

    def __init__(self, workspace: Workspace) -> None:
        self.workspace = workspace
        self.supervisor = Supervisor(workspace)

    def must_run(self) -> None:
        """Raise NotRunning where no supervisor is up."""
        if not self.supervisor.answers():
            raise NotRunning
        check_model(self.workspace)

    def reserved(self, version: str) -> AbstractContextManager[None]:
        """Hold the right to start that version; raises EdgeFailure naming who has it."""
        return held(self.workspace, version, f"starting {version}")

    def start(self, version: str, program: str) -> None:
        """Start a process group; raises NotRunning, CannotStart. A stray of the same name is ended
        first.
        """
        self.must_run()
        if self.supervisor.process(program) is not None:
            self.stop(program)

        self._unlink_socket(program)
        address = self.workspace.address(program)
        self.supervisor.add(service_program(self.workspace, version, program, address))

    def wait_ready(self, version: str, program: str) -> float:
        """Seconds until it answered its golden rows; raises CannotStart, NotReadyInTime naming its
        log.
        """
        log = log_file(self.workspace, program)
        ended = watch_for_end(self.supervisor, program)
        try:
            return wait_ready(
                self._probe(version, program),
                self.workspace.settings.deployment.ready_timeout_s,
                ended,
                str(log),
            )
        except CannotStart as error:
            raise CannotStart(
                f"{version}: {error}{_last_words(self.workspace, program)}"
            ) from error

    def warm_up(self, version: str, program: str) -> None:
        """Send it small and large batches; raises EdgeFailure where it fails on them."""
        warmed_up(version, self._probe(version, program), str(log_file(self.workspace, program)))

    def drain(self, address: str, revision: int) -> bool:
        """Whether the routers finished with that address in time."""
        return wait_drained(
            self.workspace, read_secrets(self.workspace).operator, revision, address
        )

    def lost_socket(self, program: str) -> bool:
        """Whether the process listens on a socket whose file is not there any more: nobody can
        reach it.
        """
        path = self.workspace.address(program).removeprefix("unix:")
        return not os.path.exists(path) and _is_bound(path)

    def stop(self, program: str) -> None:
        """Stop a process group gracefully; nothing happens where there is none."""
        with suppress(NotRunning):
            self.supervisor.remove(program)
        self._unlink_socket(program)

    def _probe(self, version: str, program: str) -> ReadinessProbe:
        release = read_release(self.workspace.releases, version)
        return probe_of(
            release, self.workspace.address(program), read_secrets(self.workspace).service
        )

    def _unlink_socket(self, program: str) -> None:
        with suppress(FileNotFoundError):
            os.unlink(self.workspace.address(program).removeprefix("unix:"))


def _is_bound(path: str) -> bool:
    """Whether a process of this machine has a socket that was made at this path (Linux's /proc)."""
    try:
        lines = Path("/proc/net/unix").read_bytes().splitlines()
    except OSError:
        return False
    return any(line.endswith(b" " + os.fsencode(path)) for line in lines)


def watch_for_end(supervisor: Supervisor, program: str) -> Callable[[], str | None]:
    """A function that tells why the process is gone since it was first seen; None while it is the
    same one.
    """
    first: list[int] = []

    def ended() -> str | None:
        process = supervisor.process(program)
        if process is None or process.state in GONE:
            if process:
                return process.ended_because or process.state.lower()
            return "removed by somebody else"

        if process.pid and process.pid not in first:
            first.append(process.pid)

        if len(first) > 1:
            return "it was restarted"
        return None

    return ended


def _last_words(workspace: Workspace, program: str) -> str:
    """The last line of its log that is not a traceback's frame, as the likely reason."""
    try:
        text = log_file(workspace, program).read_text(errors="replace")
    except OSError:
        return ""

    lines = [
        line.strip()
        for line in text[-8192:].splitlines()
        if line.strip() and not line.startswith(" ")
    ]
    telling = [line for line in lines if "[INFO]" not in line and "gunicorn" not in line] or lines
    if telling:
        return f"\n  it said: {telling[-1][:300]}"
    return ""
