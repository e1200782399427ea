"""`collect`: stops idle versions and deletes what old ones left behind.

First the processes of idle versions, after their warm time; then, where a target has such, the
leftovers of retired versions beyond the newest. What is removed and what that saves is reported
first. Every step looks before it acts, so that a second run does the rest of an interrupted one and
nothing twice."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial

from deployment import facts
from deployment.commands.run_verb import Act, act
from deployment.workspace.errors import EdgeFailure, Interrupted
from deployment.workspace.ledger import newest_ledger, opened_record
from deployment.workspace.locks import held
from deployment.workspace.workspace import Workspace
from rollout.decide import retention
from rollout.decide.actions import Plan
from rollout.decide.decisions import Facts, retire
from rollout.decide.retention import IdleVersion, RetentionPlan
from rollout.durations import shown_seconds
from rollout.errors import Refusal
from rollout.state.ledger import Ledger, Version, from_body
from rollout.state.version_state import State
from store import StoreError
from targets.base import Leftover, Retention, Say, Target
from targets.registry import open_target

ATTEMPTS = 5


@dataclass
class Collected:
    """Versions by what was done about them.

    environments: digests of those that no delivered version needed
    monthly_saving: dollars
    failed: what could not be done, with the reason
    """

    retired: list[str] = field(default_factory=list)
    stopped: list[str] = field(default_factory=list)
    deleted: list[str] = field(default_factory=list)
    environments: list[str] = field(default_factory=list)
    monthly_saving: float = 0.0
    failed: dict[str, str] = field(default_factory=dict)

    @property
    def done(self) -> list[str]:
        """All that something was done about, once each."""
        return list(dict.fromkeys([*self.retired, *self.stopped, *self.deleted]))

    def perform(
        self, done: list[str], name: str, step: Callable[[], bool], monthly: float = 0.0
    ) -> None:
        """One step: a failure is recorded, and the other steps still run."""
        try:
            if step():
                done.append(name)
                self.monthly_saving = round(self.monthly_saving + monthly, 2)
        except Interrupted:
            raise
        except (EdgeFailure, Refusal, StoreError) as error:
            self.failed[name] = str(error)


@dataclass(frozen=True)
class Garbage:
    """What is to be collected.

    idle: versions whose processes are stopped
    running: retired versions that still run, since their retirement was interrupted
    old: retired versions whose leftovers are deleted
    leftovers: by version
    keep: how many retired versions keep their leftovers
    environments: that no delivered version needs, with their sizes
    """

    idle: list[IdleVersion]
    running: list[str]
    old: list[str]
    leftovers: dict[str, Leftover]
    keep: int
    environments: dict[str, str]

    def monthly(self, name: str) -> float:
        """What a version's leftover costs, in dollars a month; 0 where it has none."""
        if name not in self.leftovers:
            return 0.0
        return self.leftovers[name].monthly

    def lines(self) -> Iterator[str]:
        """What is removed, in the order in which that happens, and what that saves."""
        for idle in self.idle:
            yield self._idle_line(idle)

        for name in self.running:
            yield f"{name}: is retired and still runs: {self.leftovers[name].summary} is stopped"

        for name in self.old:
            yield (
                f"{name}: not among the {self.keep} retired last: its app "
                f"{self.leftovers[name].app} is deleted, `deploy` builds it again"
            )

        for digest, size in self.environments.items():
            yield f"environment {digest} ({size}): no delivered version needs it: it is deleted"

        stopped = [*(idle.version.name for idle in self.idle), *self.running]
        if self.leftovers and (stopped or self.old):
            yield f"together that saves ${sum(map(self.monthly, stopped)):.2f} a month"

    def _idle_line(self, idle: IdleVersion) -> str:
        name = idle.version.name
        stays = ""
        if idle.rollback_target:
            stays = ", stays the rollback target without a process"

        stopped = "its process"
        if name in self.leftovers:
            stopped = self.leftovers[name].summary

        return f"{name}: idle for {shown_seconds(idle.idle_s)}{stays}: {stopped} is stopped"


def collect(workspace: Workspace, say: Say) -> Collected:
    """Report what is removed and what that saves, then do it.

    Raises EdgeFailure, StoreError, Interrupted.
    """
    collected = Collected()
    with open_target(workspace, say) as target:
        garbage = _garbage(workspace, target)
        for line in garbage.lines():
            say(line)

        try:
            _retire_idle(collected, workspace, garbage, say)
            _remove_leftovers(collected, workspace, target, garbage)
            for digest in garbage.environments:
                delete = partial(target.delete_unneeded, digest)
                collected.perform(collected.environments, digest, delete)
        except KeyboardInterrupt as error:
            done = ", ".join(collected.done) or "nothing was done"
            raise Interrupted(
                f"interrupted after {done}: `python deploy.py collect` does the rest"
            ) from error

    return collected


def tidy(workspace: Workspace, say: Say) -> None:
    """Collect at the end of another act, which a failure here does not fail."""
    try:
        failed = collect(workspace, say).failed
    except Interrupted:
        raise
    except (EdgeFailure, Refusal, StoreError) as error:
        failed = {"collecting": str(error)}

    for name, reason in failed.items():
        say(f"{name}: {reason}")


def _garbage(workspace: Workspace, target: Target) -> Garbage:
    settings = target.retention()
    ledger, plan = _retention_plan(workspace, settings)
    retired = filter(_is_retired, ledger.versions.values())
    leftovers = target.leftovers([*(idle.version for idle in plan.retire), *retired])

    running = []
    for name, leftover in leftovers.items():
        if leftover.running and _is_retired(ledger.version(name)):
            running.append(name)

    old = [name for name in plan.forget if name in leftovers]
    return Garbage(list(plan.retire), running, old, leftovers, settings.keep, target.unneeded())


def _retention_plan(workspace: Workspace, settings: Retention) -> tuple[Ledger, RetentionPlan]:
    with opened_record(workspace) as store:
        history = [
            (entry.at.timestamp(), from_body(entry.body, entry.revision))
            for entry in store.history()
        ]

    newest = Ledger(workspace.settings.model)
    if history:
        newest = history[0][1]

    standing = retention.standing(history)
    return newest, retention.going(newest, standing, time.time(), settings.warm_s, settings.keep)


def _is_retired(version: Version) -> bool:
    return version.state == State.RETIRED


def _retire_idle(collected: Collected, workspace: Workspace, garbage: Garbage, say: Say) -> None:
    for idle in garbage.idle:
        name = idle.version.name
        step = partial(_retire, workspace, idle, say)
        collected.perform(collected.retired, name, step, garbage.monthly(name))


def _retire(workspace: Workspace, idle: IdleVersion, say: Say) -> bool:
    """An act of its own, decided on the newest ledger: a version with traffic again stays."""
    version = idle.version

    def decide(ledger: Ledger, _: Facts) -> Plan:
        if not retention.may_retire(ledger, version):
            return ()
        return retire(ledger, version.name, rollback_target=version.name in ledger.released_before)

    collection = Act(
        "collect",
        lambda _: facts.plain(workspace),
        decide,
        f"{version.name} is needed again",
        attempts=ATTEMPTS,
    )
    reason = f"idle for {shown_seconds(idle.idle_s)}"
    return act(workspace, collection, reason, say).changed


def _remove_leftovers(
    collected: Collected, workspace: Workspace, target: Target, garbage: Garbage
) -> None:
    for name in garbage.running:
        end = partial(target.end_leftover, garbage.leftovers[name])
        step = partial(_if_retired, workspace, name, end, lambda *_: True)
        collected.perform(collected.stopped, name, step, garbage.monthly(name))

    for name in garbage.old:
        if name not in collected.failed:
            delete = partial(target.delete_leftover, garbage.leftovers[name])
            step = partial(_if_retired, workspace, name, delete, retention.may_forget)
            collected.perform(collected.deleted, name, step)


def _if_retired(
    workspace: Workspace,
    name: str,
    remove: Callable[[], None],
    allowed: Callable[[Ledger, str], bool],
) -> bool:
    """Remove what a version left while it is still retired and nobody starts it from here."""
    with held(workspace, name, f"collecting {name}"):
        ledger = newest_ledger(workspace)
        if not _is_retired(ledger.version(name)) or not allowed(ledger, name):
            return False

        remove()
    return True
