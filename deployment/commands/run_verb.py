"""The one shape of every act: read the ledger, gather facts, decide, act.

An act that lost against another is decided anew as often as `attempts` says; by default its
operator is told who won."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from deployment.commands.executor import Performer
from deployment.router_client import check_model
from deployment.workspace.ledger import opened_record, read_ledger
from deployment.workspace.workspace import Workspace
from rollout.decide.actions import Plan, RecordRevision
from rollout.decide.decisions import Facts
from rollout.state.ledger import Ledger
from store.errors import Conflict
from store.ledger import LedgerStore
from targets.base import Say
from targets.registry import open_target

if TYPE_CHECKING:
    from rollout.state.contract import Contract


@dataclass(frozen=True)
class Act:
    """One act. preview: lines to show once it is decided, before anything happens.

    contract: of the version that would get traffic with those who have a contract now; breaking: it
    may break theirs."""

    verb: str
    facts: Callable[[Ledger], Facts]
    decide: Callable[[Ledger, Facts], Plan]
    nothing: str
    attempts: int = 1
    preview: Callable[[Ledger], list[str]] | None = None
    contract: "Callable[[Ledger], Contract | None] | None" = None
    breaking: bool = False


@dataclass(frozen=True)
class Done:
    """What an act did. revision: of its entry, or the newest one where nothing was to be done."""

    act: str
    summary: str
    undo: str
    revision: int
    changed: bool
    seconds: float


def act(workspace: Workspace, wanted: Act, reason: str, say: Say) -> Done:
    """Perform an act; raises Refusal, EdgeFailure, StoreError, which leave record and processes as
    they were.
    """
    began = time.monotonic()
    check_model(workspace)
    with opened_record(workspace) as store:
        ledger = read_ledger(store)
        facts = wanted.facts(ledger)
        with Performer(
            lambda: open_target(workspace, say), store, workspace.actor, reason, facts.now, say
        ) as performer:
            ledger, plan = _decided_and_performed(
                wanted, store, performer, ledger, facts, reason, say
            )

    return _done(wanted, ledger, plan, time.monotonic() - began)


def _decided_and_performed(
    wanted: Act,
    store: LedgerStore,
    performer: Performer,
    ledger: Ledger,
    facts: Facts,
    reason: str,
    say: Say,
) -> tuple[Ledger, Plan]:
    """The plan that was performed and the ledger it was decided on; raises Conflict when the last
    attempt lost too.
    """
    for left in reversed(range(wanted.attempts)):
        plan = wanted.decide(ledger, facts)
        if wanted.contract is not None and plan:
            from rollout.state.contract import refuse_breaking

            contract = wanted.contract(ledger)
            refuse_breaking(contract, wanted.breaking)
            performer.reason = _with_what_breaks(reason, contract)
        if wanted.preview is not None and plan:
            for line in wanted.preview(ledger):
                say(line)
        try:
            performer.perform(plan, ledger)
            return ledger, plan
        except Conflict:
            if not left:
                raise
        ledger = read_ledger(store)
        facts = facts if performer.started else wanted.facts(ledger)

    raise AssertionError("an act has at least one attempt")


def _with_what_breaks(reason: str, contract: "Contract | None") -> str:
    """The reason as the ledger keeps it: with --breaking it names what was broken."""
    if contract is None or not contract.breaks():
        return reason
    broken = "--breaking: " + "; ".join(difference.says for difference in contract.breaks())
    if reason:
        return f"{reason} ({broken})"
    return broken


def _done(wanted: Act, ledger: Ledger, plan: Plan, seconds: float) -> Done:
    record = next((action for action in plan if isinstance(action, RecordRevision)), None)
    if record is None:
        return Done(wanted.verb, wanted.nothing, "", ledger.revision, False, seconds)
    return Done(record.act, record.summary, record.undo, record.ledger.revision, True, seconds)
