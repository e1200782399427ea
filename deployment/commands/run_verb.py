"""Every act takes the same steps: read the ledger, gather facts, decide, perform.

An act that lost against a concurrent one is decided again as often as `attempts` allows; by default
its operator learns who won."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from deployment.commands.executor import Performer
from deployment.router_client import check_model
from deployment.workspace.errors import Interrupted
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
    """One act.

    nothing: the message where there is nothing to do
    preview: lines to show once it is decided, before anything happens
    starts: the version that it starts, whose start is prepared before the ledger is read
    contract: how the contract of the version that would get traffic differs from today's
    breaking: whether breaking changes are allowed
    """

    verb: str
    facts: Callable[[Ledger], Facts]
    decide: Callable[[Ledger, Facts], Plan]
    nothing: str
    attempts: int = 1
    preview: Callable[[Ledger], list[str]] | None = None
    contract: "Callable[[Ledger], Contract | None] | None" = None
    breaking: bool = False
    starts: str = ""


@dataclass(frozen=True)
class Done:
    """What an act did. revision: of its entry, or the newest one where there was nothing to do."""

    act: str
    summary: str
    undo: str
    revision: int
    changed: bool
    seconds: float


def act(workspace: Workspace, requested: Act, reason: str, say: Say) -> Done:
    """Perform an act.

    Raises Refusal, EdgeFailure, StoreError, which leave ledger and processes as they were.
    """
    began = time.monotonic()
    check_model(workspace)
    if requested.starts:
        _prepare(workspace, requested.starts, say)

    with opened_record(workspace) as store:
        ledger = read_ledger(store)
        facts = requested.facts(ledger)
        with Performer(
            lambda: open_target(workspace, say), store, workspace.actor, reason, facts.now, say
        ) as performer:
            ledger, plan = _decide_and_perform(
                requested, store, performer, ledger, facts, reason, say
            )

    return _done(requested, ledger, plan, time.monotonic() - began)


def _prepare(workspace: Workspace, version: str, say: Say) -> None:
    """Others may change the ledger meanwhile: what takes a minute is no part of the act."""
    with open_target(workspace, say) as target:
        try:
            target.prepare(version)
        except KeyboardInterrupt as error:
            raise Interrupted(
                "interrupted: nothing was recorded and no traffic moved; nothing half made is left"
            ) from error


def _decide_and_perform(
    requested: Act,
    store: LedgerStore,
    performer: Performer,
    ledger: Ledger,
    facts: Facts,
    reason: str,
    say: Say,
) -> tuple[Ledger, Plan]:
    """The plan that was performed and the ledger it was decided on.

    Raises Conflict when the last attempt lost too.
    """
    for left in reversed(range(requested.attempts)):
        plan = requested.decide(ledger, facts)
        if requested.contract is not None and plan:
            from rollout.state.contract import refuse_breaking

            contract = requested.contract(ledger)
            refuse_breaking(contract, requested.breaking)
            performer.reason = _reason_with_breaks(reason, contract)
        if requested.preview is not None and plan:
            for line in requested.preview(ledger):
                say(line)
        try:
            performer.perform(plan, ledger)
            return ledger, plan
        except Conflict:
            if not left:
                raise
        ledger = read_ledger(store)
        if not performer.started:
            facts = requested.facts(ledger)

    raise AssertionError("an act has at least one attempt")


def _reason_with_breaks(reason: str, contract: "Contract | None") -> str:
    """The reason as the ledger keeps it: with --breaking it names the breaking changes."""
    if contract is None or not contract.breaks():
        return reason
    broken = "--breaking: " + "; ".join(difference.says for difference in contract.breaks())
    if reason:
        return f"{reason} ({broken})"
    return broken


def _done(requested: Act, ledger: Ledger, plan: Plan, seconds: float) -> Done:
    for action in plan:
        if isinstance(action, RecordRevision):
            revision = action.ledger.revision
            return Done(action.act, action.summary, action.undo, revision, True, seconds)

    return Done(requested.verb, requested.nothing, "", ledger.revision, False, seconds)
