"""`doctor`: is what runs what should run? Asks every process, the record and the platform; changes
nothing.
"""

import resource
import shutil
import time
from collections.abc import Iterator
from functools import partial

from deployment.commands.executor import Say
from deployment.commands.findings import Finding, looked
from deployment.facts import of_running
from deployment.router_client import check_model, router_status
from deployment.workspace.errors import EdgeFailure
from deployment.workspace.ledger import opened, opened_record, read_ledger
from deployment.workspace.secrets import read_secrets
from deployment.workspace.workspace import Workspace
from rollout.plurals import counted
from rollout.state.ledger import Ledger, Version
from store.part_check import check_part
from store.schema import EVIDENCE_PART, LABELS_PART
from targets.local.orphans import left_behind, supervisors
from targets.local.programs import ROUTER
from targets.local.supervisor_client import Process, Supervisor
from targets.local.supervisord_conf import socket_path
from targets.registry import on_heroku

SPARE_DISK_MB = 500
# The router keeps as many connections as it may open files, at most 4,096, and a reserve for
# itself.
FILES_WANTED = 4096 + 128
FOLLOWS_S = 3.0
UP = "`python deploy.py up`"


def doctor(workspace: Workspace, say: Say) -> list[Finding]:
    """Every finding, in order; raises EdgeFailure where nothing was ever brought up."""
    if not (workspace.state / "secrets" / "service").exists():
        raise EdgeFailure(
            f"nothing was ever started from {workspace.state}: run {UP} first, then `doctor` again"
        )

    ledgers: list[Ledger] = []
    record = looked("record", partial(_record, workspace, ledgers))
    ledger = ledgers[0] if ledgers else None
    return [
        record,
        *([] if record.fault else _kept_beside(workspace)),
        *(
            _platform(workspace, ledger, say)
            if on_heroku(workspace)
            else _processes(workspace, ledger)
        ),
        looked("router", partial(_router, workspace, ledger)),
        *_versions(workspace, ledger),
        looked("free disk", partial(_disk, workspace)),
        *([] if on_heroku(workspace) else [_open_files()]),
    ]


def _record(workspace: Workspace, ledgers: list[Ledger]) -> str:
    with opened_record(workspace) as store:
        ledgers.append(read_ledger(store))
        checked = store.verify()
    return f"the chain of {counted(checked, 'revision')} holds"


def _kept_beside(workspace: Workspace) -> Iterator[Finding]:
    """What the router keeps beside the record: labels, and what it counted of rollouts."""
    for part in (LABELS_PART, EVIDENCE_PART):
        yield looked(part, partial(_part, workspace, part))


def _part(workspace: Workspace, part: str) -> str:
    with opened(workspace) as ledger:
        check_part(ledger, part)
    return "can be read"


def _platform(workspace: Workspace, ledger: Ledger | None, say: Say) -> Iterator[Finding]:
    from targets.heroku.doctor import platform

    return platform(workspace, ledger, say)


def _router(workspace: Workspace, ledger: Ledger | None) -> str:
    """Its workers, once all of them follow the newest revision; they have some seconds for it."""
    give_up = time.monotonic() + FOLLOWS_S
    while True:
        status = router_status(workspace, read_secrets(workspace).operator, 10.0)
        workers = status.get("workers") or []
        oldest = min(
            [status.get("revision", 0), *(worker.get("revision", 0) for worker in workers)]
        )
        if ledger is None or oldest >= ledger.revision:
            return f"{len(workers)} workers follow revision {oldest}"
        if time.monotonic() > give_up:
            raise EdgeFailure(
                f"a worker follows revision {oldest}, the record is at {ledger.revision}: `python "
                f"deploy.py status` "
                "shows all of them, the router's log says why it cannot read the record"
            )
        time.sleep(0.2)


def _versions(workspace: Workspace, ledger: Ledger | None) -> Iterator[Finding]:
    if ledger is None:
        return
    for version in ledger.live():
        yield looked(f"version {version.name}", partial(_version, workspace, ledger, version))


def _version(workspace: Workspace, ledger: Ledger, version: Version) -> str:
    facts = of_running(workspace, ledger, version.name)
    if not facts.answers_golden_rows:
        raise EdgeFailure(
            f"it does not give its golden answers ({facts.not_ready_because}): {UP} repairs what "
            f"it can"
        )

    return (
        f"{version.state}, {ledger.weight(version.name) / 100:g} % of the users, answers its "
        f"golden rows"
    )


def _processes(workspace: Workspace, ledger: Ledger | None) -> Iterator[Finding]:
    """The supervisor of this machine and what it runs, beside what the ledger names."""
    running: dict[str, Process] = {}
    supervisor = looked("supervisor", partial(_supervisor, workspace, running))
    yield supervisor
    if supervisor.fault or ledger is None:
        return

    named = [ROUTER, *(version.program for version in ledger.live())]
    for program in named:
        yield looked(f"process {program}", partial(_process, running.get(program)))

    model = looked("model", partial(_model, workspace))
    yield model
    if model.fault:
        return

    for program in sorted(set(running) - set(named)):
        yield Finding(
            f"process {program}", fault=f"it runs and the ledger does not name it: {UP} ends it"
        )


def _supervisor(workspace: Workspace, running: dict[str, Process]) -> str:
    supervisor = Supervisor(workspace)
    answers = supervisor.answers()
    if not answers and (pids := supervisors(workspace)):
        raise EdgeFailure(
            f"it runs (pid {pids[0]}) and takes no orders at {socket_path(workspace)}: "
            f"{UP} ends it with its programs and begins anew"
        )
    if not answers and (pids := left_behind(workspace)):
        raise EdgeFailure(
            f"it is gone, {len(pids)} of its processes still run: {UP} ends them and begins anew"
        )

    running.update(supervisor.processes())
    return f"{len(running)} programs"


def _process(process: Process | None) -> str:
    if process is None:
        raise EdgeFailure(f"the ledger names it and it does not run: {UP} starts it")

    # Just started, it counts as running after some seconds; whether it answers is looked at by
    # itself.
    if process.state not in ("RUNNING", "STARTING"):
        because = f" ({process.ended_because})" if process.ended_because else ""
        raise EdgeFailure(
            f"{process.state.lower()}{because}: {UP} starts it again, its log says why"
        )

    return f"{process.state.lower()}, for {process.since_s:.0f} s"


def _model(workspace: Workspace) -> str:
    check_model(workspace)
    return f"{workspace.settings.model} is served here"


def _disk(workspace: Workspace) -> str:
    free_mb = shutil.disk_usage(workspace.state).free / 1e6
    if free_mb < SPARE_DISK_MB:
        raise EdgeFailure(
            f"{free_mb:.0f} MB left for {workspace.state}: make room, or set SLUICE_STATE elsewhere"
        )

    return f"{free_mb / 1000:.1f} GB for {workspace.state}"


def _open_files() -> Finding:
    """The hard limit, to which router and versions raise their own."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    if hard == resource.RLIM_INFINITY or hard >= FILES_WANTED:
        return Finding("open files", "enough for all connections")

    return Finding(
        "open files",
        warning=f"the hard limit is {hard}: beyond it a router process closes the oldest idle "
        f"connections. Raise it to "
        f"{FILES_WANTED} (`ulimit -Hn`, or LimitNOFILE of the service manager), then {UP}",
    )
