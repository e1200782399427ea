"""What `doctor` finds on this machine: the supervisor, its processes, the limit of open files."""

import resource
from collections.abc import Iterator
from functools import partial

from deployment.router_client import check_model
from deployment.workspace.bundles import read_release
from deployment.workspace.errors import EdgeFailure
from deployment.workspace.workspace import Workspace
from environments.environment_store import Built
from rollout.plurals import counted
from rollout.state.ledger import Ledger
from targets.base import Process
from targets.findings import Finding, examine
from targets.local.orphans import left_behind, supervisors
from targets.local.programs import ROUTER
from targets.local.supervisor_client import Supervisor
from targets.local.supervisord_conf import socket_path
from targets.local.version_environment import own_environment, store_of, unneeded

# The router keeps as many connections as it may open files, at most 4,096, and a reserve for
# itself.
OPEN_FILES = 4096 + 128
UP = "`python deploy.py up`"


def findings(workspace: Workspace, ledger: Ledger | None) -> Iterator[Finding]:
    """Every finding, in order; ledger: None where it cannot be read."""
    yield from _process_findings(workspace, ledger)
    yield from _environments(workspace, ledger)
    yield open_files()


def _environments(workspace: Workspace, ledger: Ledger | None) -> Iterator[Finding]:
    """Which live versions run in an environment of their own, and what all of them take."""
    for version in ledger.live() if ledger else ():
        finding = examine(
            f"environment of {version.name}", partial(_environment, workspace, version.name)
        )
        if finding.fault or finding.state:
            yield finding

    if built := store_of(workspace).environments():
        yield Finding("environments", _disk_used(workspace, built))


def _environment(workspace: Workspace, version: str) -> str:
    """Its own one, in words; empty where it runs in the stack's."""
    own = own_environment(workspace, read_release(workspace.releases, version))
    if own is None:
        return ""

    built = store_of(workspace).find(own.specification)
    if built is None:
        raise EdgeFailure(f"it needs {own.because} and its environment is gone: {UP} builds it")
    return f"its own, {built.megabytes:.0f} MB, for {own.because}"


def _disk_used(workspace: Workspace, built: dict[str, Built]) -> str:
    megabytes = sum(environment.megabytes for environment in built.values())
    text = f"{counted(len(built), 'environment')}, {megabytes:.0f} MB"
    if spare := unneeded(workspace):
        text += (
            f"; {sum(spare.values()):.0f} MB of it no delivered version needs: "
            "`python deploy.py collect` deletes that"
        )
    return text


def open_files() -> Finding:
    """The hard limit of open files, to which router and versions raise their own."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    if hard == resource.RLIM_INFINITY or hard >= OPEN_FILES:
        return Finding("open files", "enough for all connections")

    return Finding(
        "open files",
        warning=f"the hard limit is {hard}: beyond it a router process closes the oldest idle "
        f"connections. Raise it to {OPEN_FILES} (`ulimit -Hn`, or LimitNOFILE of the service "
        f"manager), then {UP}",
    )


def _process_findings(workspace: Workspace, ledger: Ledger | None) -> Iterator[Finding]:
    """The supervisor and what it runs, compared with the ledger."""
    running: dict[str, Process] = {}
    supervisor = examine("supervisor", partial(_supervisor, workspace, running))
    yield supervisor
    if supervisor.fault or ledger is None:
        return

    named = [ROUTER, *(version.program for version in ledger.live())]
    for program in named:
        yield examine(f"process {program}", partial(_process, running.get(program)))

    model = examine("model", partial(_model, workspace))
    yield model
    if model.fault:
        return

    for program in sorted(set(running) - set(named)):
        yield Finding(
            f"process {program}", fault=f"it runs and the ledger does not name it: {UP} stops it"
        )


def _supervisor(workspace: Workspace, running: dict[str, Process]) -> str:
    supervisor = Supervisor(workspace)
    if not supervisor.answers():
        _refuse_orphans(workspace)

    running.update(supervisor.processes())
    return f"{len(running)} programs"


def _refuse_orphans(workspace: Workspace) -> None:
    if pids := supervisors(workspace):
        raise EdgeFailure(
            f"it runs (pid {pids[0]}) but does not answer at {socket_path(workspace)}: {UP} stops "
            "it with its programs and starts a new one"
        )

    if pids := left_behind(workspace):
        raise EdgeFailure(
            f"it is gone, {len(pids)} of its processes still run: {UP} stops them and starts a new "
            "one"
        )


def _process(process: Process | None) -> str:
    if process is None:
        raise EdgeFailure(f"the ledger names it and it does not run: {UP} starts it")

    # Just started, it counts as running after some seconds; whether it answers is a finding of its
    # own.
    if process.state not in ("RUNNING", "STARTING"):
        because = f" ({process.ended_because})" if process.ended_because else ""
        raise EdgeFailure(
            f"{process.state.lower()}{because}: {UP} starts it again, its log says why"
        )

    return f"{process.state.lower()}, for {process.since_s:.0f} s"


def _model(workspace: Workspace) -> str:
    check_model(workspace)
    return f"{workspace.settings.model} is served here"
