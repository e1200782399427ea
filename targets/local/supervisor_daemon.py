"""Starts and stops the supervisor itself, which outlives the terminal."""

import os
import subprocess
import sys
import time
from collections.abc import Mapping

from deployment.workspace.errors import CannotStart, NotReadyInTime
from deployment.workspace.secrets import Secrets
from deployment.workspace.workspace import Workspace
from targets.local.orphans import ask_to_end, end_left_behind, left_behind, supervisors
from targets.local.supervisor_client import Supervisor
from targets.local.supervisord_conf import daemon_conf, supervisor_conf

START_DEADLINE_S = 15.0
STOP_DEADLINE_S = 60.0
ASK_AGAIN_S = 2.0
POLL_S = 0.05
# What concerns this act alone and must not reach the programs, which are told by their own files.
_NOT_INHERITED = ("PORT", "WEB_CONCURRENCY", "GUNICORN_CMD_ARGS", "SUPERVISOR_SERVER_URL")


def start_supervisor(
    workspace: Workspace, secrets: Secrets, environ: Mapping[str, str] = os.environ
) -> None:
    """Start the daemon with the programs that have files; raises CannotStart with its message."""
    conf = daemon_conf(workspace)
    conf.write_text(supervisor_conf(workspace))
    conf.chmod(0o600)
    arguments = [sys.executable, "-m", "supervisor.supervisord", "-c", str(conf)]
    started = subprocess.run(
        arguments,
        cwd=workspace.root,
        env=_inherited(workspace, secrets, environ),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
        check=False,
    )
    if started.returncode != 0:
        raise CannotStart(f"the supervisor did not start: {_reason(started.stdout)}")

    _wait_until_it_answers(workspace)


def stop_supervisor(workspace: Workspace) -> int:
    """Stop the daemon and all it runs, gracefully; returns how many processes were stopped one by
    one.

    A daemon whose socket is gone gets a signal. Raises NotReadyInTime where something still runs.
    """
    supervisor = Supervisor(workspace)
    if supervisor.answers():
        supervisor.shut_down()
    else:
        ask_to_end(supervisors(workspace))

    _wait_until_gone(workspace)
    ended = end_left_behind(workspace)
    if still := left_behind(workspace):
        raise NotReadyInTime(
            f"these processes do not stop: {', '.join(map(str, still))}. Look at {workspace.log}"
        )

    return ended


def _inherited(
    workspace: Workspace, secrets: Secrets, environ: Mapping[str, str]
) -> dict[str, str]:
    inherited = {}
    for name, value in environ.items():
        if not name.startswith("SLUICE_") and name not in _NOT_INHERITED:
            inherited[name] = value

    inherited |= {"SLUICE_SERVICE_SECRET": secrets.service, "SLUICE_TOKEN_KEY": secrets.token}
    inherited["SLUICE_OPERATOR_TOKEN"] = secrets.operator
    if workspace.webhook_secret:
        inherited["SLUICE_WEBHOOK_SECRET"] = workspace.webhook_secret

    if workspace.database_is_file:
        return inherited
    return {**inherited, "DATABASE_URL": workspace.database_url}


def _wait_until_it_answers(workspace: Workspace) -> None:
    give_up = time.monotonic() + START_DEADLINE_S
    while not Supervisor(workspace).answers():
        if time.monotonic() > give_up:
            raise NotReadyInTime(
                "the supervisor did not answer in time: look at "
                f"{workspace.log / 'supervisord.log'}"
            )
        time.sleep(POLL_S)


def _wait_until_gone(workspace: Workspace) -> None:
    began = time.monotonic()
    asked_again = False
    while still := supervisors(workspace):
        waited = time.monotonic() - began
        if waited > ASK_AGAIN_S and not asked_again:
            # A process that was only just forked has not become its program yet, and lost the
            # signal.
            asked_again = True
            ask_to_end(left_behind(workspace))
        if waited > STOP_DEADLINE_S:
            raise NotReadyInTime(
                f"the supervisor (pid {still[0]}) does not stop: look at {workspace.log}"
            )
        time.sleep(POLL_S)


def _reason(output: bytes) -> str:
    lines = [line for line in output.decode(errors="replace").splitlines() if line.strip()]
    errors = [line for line in lines if line.startswith("Error")]
    return (errors or lines or ["without a message"])[-1]
