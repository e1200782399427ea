"""The supervisor's client: adds, watches and removes programs while the others run."""

import http.client
import time
import xmlrpc.client
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from deployment.http_client import SocketConnection
from deployment.workspace.errors import CannotStart, NotReadyInTime, NotRunning
from deployment.workspace.workspace import Workspace
from targets.base import Process
from targets.local.supervisord_conf import Program, conf_file, program_conf, socket_path

STOP_DEADLINE_S = 50.0
POLL_S = 0.05
ANSWER_S = 30.0
ASK_AGAIN_S = 1.0
_BAD_NAME, _ALREADY_ADDED, _NOT_RUNNING, _SHUTTING_DOWN = 10, 90, 70, 6
_AT_REST = ("STOPPED", "EXITED", "FATAL", "UNKNOWN")


class Supervisor:
    """The supervisor of one state folder.

    Every method raises NotRunning where there is none, NotReadyInTime where it does not answer.
    """

    def __init__(self, workspace: Workspace) -> None:
        self.workspace = workspace

    def answers(self) -> bool:
        """Whether the daemon runs and answers."""
        try:
            with self._calls() as calls:
                return bool(calls.getState()["statename"] == "RUNNING")
        except NotRunning:
            return False

    def processes(self) -> dict[str, Process]:
        """What it runs, by program."""
        with self._calls() as calls:
            return {row["name"]: _process(row) for row in calls.getAllProcessInfo()}

    def process(self, program: str) -> Process | None:
        """One program, None where the supervisor does not have it."""
        with self._calls() as calls:
            try:
                return _process(calls.getProcessInfo(program))
            except xmlrpc.client.Fault as fault:
                _unless(fault, _BAD_NAME)
                return None

    def add(self, program: Program) -> None:
        """Write the program's file and start it, unless a program of that name exists."""
        path = conf_file(self.workspace, program.name)
        draft = path.with_suffix(".draft")
        draft.write_text(program_conf(self.workspace, program))
        draft.replace(path)
        with self._calls() as calls:
            try:
                calls.reloadConfig()
                calls.addProcessGroup(program.name)
            except xmlrpc.client.Fault as fault:
                if fault.faultCode != _ALREADY_ADDED:
                    path.unlink(missing_ok=True)
                    raise CannotStart(
                        f"{program.name} could not be started: {fault.faultString}"
                    ) from fault

    def restart_if_given_up(self, program: str) -> None:
        """Try a program again that ended too often."""
        with self._calls() as calls:
            if calls.getProcessInfo(program)["statename"] in _AT_REST:
                calls.startProcess(program, False)

    def remove(self, program: str, deadline_s: float = STOP_DEADLINE_S) -> None:
        """Stop the program gracefully and forget it; nothing happens where there is none."""
        with self._calls() as calls:
            self._ask_to_stop(calls, program)
            self._wait_until_at_rest(program, deadline_s)
            try:
                calls.removeProcessGroup(program)
            except xmlrpc.client.Fault as fault:
                _unless(fault, _BAD_NAME)
            conf_file(self.workspace, program).unlink(missing_ok=True)
            calls.reloadConfig()

    def shut_down(self) -> None:
        """Ask the daemon to stop everything, the router first, and to end."""
        with self._calls() as calls:
            try:
                calls.shutdown()
            except xmlrpc.client.Fault as fault:
                _unless(fault, _SHUTTING_DOWN)

    def _ask_to_stop(self, calls: Any, program: str) -> None:
        try:
            calls.stopProcessGroup(program, False)
        except xmlrpc.client.Fault as fault:
            _unless(fault, _BAD_NAME, _NOT_RUNNING)

    def _wait_until_at_rest(self, program: str, deadline_s: float) -> None:
        began, ask_again_s = time.monotonic(), ASK_AGAIN_S
        while (process := self.process(program)) is not None and process.state not in _AT_REST:
            waited = time.monotonic() - began
            if waited > ask_again_s:
                ask_again_s *= 2
                self._signal_again(program)
            if waited > deadline_s:
                raise NotReadyInTime(
                    f"{program} did not stop within {deadline_s:.0f} s (pid {process.pid})"
                )
            time.sleep(POLL_S)

    def _signal_again(self, program: str) -> None:
        # A process that was only just forked has not become the program yet, and loses the signal.
        with self._calls() as calls, suppress(xmlrpc.client.Fault):
            calls.signalProcess(program, "TERM")

    @contextmanager
    def _calls(self) -> Iterator[Any]:
        transport = _SocketTransport(str(socket_path(self.workspace)))
        try:
            yield xmlrpc.client.ServerProxy("http://supervisor", transport=transport).supervisor
        except xmlrpc.client.Fault as fault:
            if fault.faultCode == _SHUTTING_DOWN:
                raise NotRunning from fault
            raise CannotStart(f"the supervisor refused: {fault.faultString}") from fault
        except TimeoutError as error:
            raise NotReadyInTime(
                f"the supervisor did not answer within {ANSWER_S:.0f} s: the machine has too much "
                "to do, try again"
            ) from error
        except (OSError, http.client.HTTPException, xmlrpc.client.ProtocolError) as error:
            raise NotRunning from error
        finally:
            transport.close()


def _process(row: dict[str, Any]) -> Process:
    since_s = 0.0
    if row["pid"]:
        since_s = float(row["now"] - row["start"])

    because = row["spawnerr"]
    if not because and row["exitstatus"]:
        because = f"exit status {row['exitstatus']}"
    return Process(row["name"], row["statename"], row["pid"], since_s, because)


def _unless(fault: xmlrpc.client.Fault, *codes: int) -> None:
    if fault.faultCode not in codes:
        raise fault


class _SocketTransport(xmlrpc.client.Transport):
    """XML-RPC over a unix socket, with a deadline an answer."""

    def __init__(self, path: str) -> None:
        super().__init__()
        self.path = path

    def make_connection(self, host: Any) -> http.client.HTTPConnection:
        """One connection, kept."""
        kept = self._connection[1] or SocketConnection(self.path, ANSWER_S)
        self._connection = host, kept
        return kept
