"""`doctor`: compares what runs with what should run, and changes nothing."""

import shutil
import time
from collections.abc import Iterator
from functools import partial
from typing import Any

from deployment.facts import of_running
from deployment.router_client import router_status
from deployment.workspace.errors import EdgeFailure
from deployment.workspace.ledger import opened, opened_record, read_ledger
from deployment.workspace.secrets import read_secrets
from deployment.workspace.token_file import read_tokens
from deployment.workspace.workspace import Workspace
from rollout.access_tokens import TokenRole
from rollout.plurals import counted
from rollout.state.ledger import Ledger, Version
from store.part_check import check_part
from store.schema import EVIDENCE_PART, LABELS_PART
from targets.base import Say
from targets.findings import Finding, examine
from targets.registry import open_target

SPARE_DISK_MB = 500
FOLLOWS_S = 3.0
POLL_S = 0.2
UP = "`python deploy.py up`"


def doctor(workspace: Workspace, say: Say) -> list[Finding]:
    """Every finding, in order; raises EdgeFailure where nothing was ever started."""
    if not (workspace.state / "secrets" / "service").exists():
        raise EdgeFailure(
            f"nothing was ever started from {workspace.state}: run {UP} first, then `doctor` again"
        )

    return list(_findings(workspace, say))


def _findings(workspace: Workspace, say: Say) -> Iterator[Finding]:
    ledgers: list[Ledger] = []
    record = examine("record", partial(_record, workspace, ledgers))
    yield record
    if not record.fault:
        yield from _kept_beside(workspace)

    ledger = ledgers[0] if ledgers else None
    with open_target(workspace, say) as target:
        yield from target.findings(ledger)

    yield examine("tokens", partial(_tokens, workspace))
    yield examine("router", partial(_router, workspace, ledger))
    yield from _versions(workspace, ledger)
    yield examine("free disk", partial(_disk, workspace))


def _record(workspace: Workspace, ledgers: list[Ledger]) -> str:
    with opened_record(workspace) as store:
        ledgers.append(read_ledger(store))
        checked = store.verify()
    return f"the chain of {counted(checked, 'revision')} holds"


def _kept_beside(workspace: Workspace) -> Iterator[Finding]:
    """What the router stores beside the ledger: labels, and the evidence of rollouts."""
    for part in (LABELS_PART, EVIDENCE_PART):
        yield examine(part, partial(_part, workspace, part))


def _part(workspace: Workspace, part: str) -> str:
    with opened(workspace) as ledger:
        check_part(ledger, part)
    return "can be read"


def _router(workspace: Workspace, ledger: Ledger | None) -> str:
    """Its workers, once all of them follow the newest revision; they have some seconds for it."""
    deadline = time.monotonic() + FOLLOWS_S
    while True:
        status = router_status(workspace, read_secrets(workspace).operator, 10.0)
        oldest = _oldest_revision(status)
        if ledger is None or oldest >= ledger.revision:
            return f"{len(status.get('workers') or [])} workers follow revision {oldest}"

        if time.monotonic() > deadline:
            raise EdgeFailure(
                f"a worker follows revision {oldest}, the record is at {ledger.revision}: `python "
                "deploy.py status` shows all of them, the router's log says why it cannot read "
                "the record"
            )
        time.sleep(POLL_S)


def _tokens(workspace: Workspace) -> str:
    """How many may look and act; a broken file is a fault, since no token of it is valid."""
    roles = [token.role for token in read_tokens(workspace)]
    if not roles:
        return "the operator's own alone"

    viewers = counted(roles.count(TokenRole.VIEWER), "viewer")
    operators = counted(roles.count(TokenRole.OPERATOR), "operator")
    return f"{viewers}, {operators}, beside the operator's own"


def _oldest_revision(status: dict[str, Any]) -> int:
    answers = [status, *(status.get("workers") or [])]
    return min(int(answer.get("revision", 0)) for answer in answers)


def _versions(workspace: Workspace, ledger: Ledger | None) -> Iterator[Finding]:
    if ledger is None:
        return
    for version in ledger.live():
        yield examine(f"version {version.name}", partial(_version, workspace, ledger, version))


def _version(workspace: Workspace, ledger: Ledger, version: Version) -> str:
    facts = of_running(workspace, ledger, version.name)
    if not facts.answers_golden_rows:
        raise EdgeFailure(
            f"it does not give its golden answers ({facts.not_ready_because}): {UP} repairs what "
            "it can"
        )

    share = ledger.weight(version.name) / 100
    return f"{version.state}, {share:g} % of the users, answers its golden rows"


def _disk(workspace: Workspace) -> str:
    free_mb = shutil.disk_usage(workspace.state).free / 1e6
    if free_mb < SPARE_DISK_MB:
        raise EdgeFailure(
            f"{free_mb:.0f} MB left for {workspace.state}: make room, or set SLUICE_STATE elsewhere"
        )

    return f"{free_mb / 1000:.1f} GB for {workspace.state}"
