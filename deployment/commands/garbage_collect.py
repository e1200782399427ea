"""`collect`: what is left of versions that answer nobody goes, once it was said and what that
saves.

First their processes, after heroku.warm_s; on Heroku then the apps of retired versions beyond the
newest heroku.keep. Every step looks first, so that a second run does the rest of an interrupted one
and nothing twice."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

from deployment import facts
from deployment.commands.executor import Say
from deployment.commands.run_verb import Act, act
from deployment.commands.strategy_options import shown_seconds
from deployment.workspace.errors import EdgeFailure, Interrupted
from deployment.workspace.ledger import opened_record, read_ledger
from deployment.workspace.locks import held
from deployment.workspace.workspace import Workspace
from rollout.decide import retention
from rollout.decide.actions import Plan
from rollout.decide.decisions import Facts, retire
from rollout.decide.retention import IdleVersion, RetentionPlan
from rollout.errors import Refusal
from rollout.state.ledger import Ledger, from_body
from rollout.state.version_state import State
from store import StoreError
from targets.registry import on_heroku

# Heroku's side needs an HTTP library that nothing on this machine waits for.
if TYPE_CHECKING:
    from targets.heroku.app_group import AppGroup
    from targets.heroku.leftover_apps import LeftoverApp

ATTEMPTS = 5


@dataclass
class Collected:
    """Versions by what became of them. monthly_saving: dollars; failed: what could not be done,
    with the reason.
    """

    retired: list[str] = field(default_factory=list)
    stopped: list[str] = field(default_factory=list)
    deleted: list[str] = field(default_factory=list)
    monthly_saving: float = 0.0
    failed: dict[str, str] = field(default_factory=dict)

    @property
    def done(self) -> list[str]:
        """All that something was done about, once each."""
        return list(dict.fromkeys([*self.retired, *self.stopped, *self.deleted]))


def collect(workspace: Workspace, say: Say) -> Collected:
    """Say what goes and what that saves, then do it; raises EdgeFailure, StoreError,
    Interrupted.
    """
    ledger, going = _decided(workspace)
    found = Collected()
    with _there(workspace, say) as there:
        rests = _rests(there, ledger, going)
        left_on = _left_on(ledger, rests)
        forget = [name for name in going.forget if name in rests]
        for line in _lines(going, rests, left_on, forget, workspace.settings.heroku.keep):
            say(line)
        try:
            for cold in going.retire:
                name = cold.version.name
                _step(
                    found,
                    found.retired,
                    name,
                    partial(_retire, workspace, cold, say),
                    _monthly(rests, name),
                )
            if there is not None:
                _on_the_platform(found, workspace, there, rests, left_on, forget)
        except KeyboardInterrupt as error:
            done = ", ".join(found.done) or "nothing was done"
            raise Interrupted(
                f"interrupted after {done}: `python deploy.py collect` does the rest"
            ) from error

    return found


def tidy(workspace: Workspace, say: Say) -> None:
    """The same at the end of something else, which it does not fail."""
    try:
        failed = collect(workspace, say).failed
    except Interrupted:
        raise
    except (EdgeFailure, Refusal, StoreError) as error:
        failed = {"collecting": str(error)}

    for what, why in failed.items():
        say(f"{what}: {why}")


def _decided(workspace: Workspace) -> tuple[Ledger, RetentionPlan]:
    with opened_record(workspace) as store:
        past = [
            (entry.at.timestamp(), from_body(entry.body, entry.revision))
            for entry in store.history()
        ]

    wanted = workspace.settings.heroku
    newest = past[0][1] if past else Ledger(workspace.settings.model)
    return newest, retention.going(
        newest, retention.standing(past), time.time(), wanted.warm_s, wanted.keep
    )


@contextmanager
def _there(workspace: Workspace, say: Say) -> "Iterator[AppGroup | None]":
    """The house on Heroku; None on this machine."""
    if not on_heroku(workspace):
        yield None
        return

    from targets.heroku.app_group import open_app_group

    with open_app_group(workspace, say) as group:
        yield group


def _rests(
    group: "AppGroup | None", ledger: Ledger, going: RetentionPlan
) -> "dict[str, LeftoverApp]":
    if group is None:
        return {}

    from targets.heroku.leftover_apps import rests

    retired = [v for v in ledger.versions.values() if v.state == State.RETIRED]
    return rests(group, [*(cold.version for cold in going.retire), *retired])


def _left_on(ledger: Ledger, rests: "dict[str, LeftoverApp]") -> list[str]:
    """Retired versions whose dynos run all the same: an act was cut off between its record and its
    end.
    """
    return [
        name
        for name, rest in rests.items()
        if ledger.version(name).state == State.RETIRED and rest.dynos
    ]


def _lines(
    going: RetentionPlan,
    rests: "dict[str, LeftoverApp]",
    left_on: list[str],
    forget: list[str],
    keep: int,
) -> list[str]:
    """What goes, in the order in which it goes, and what that saves."""
    lines = []
    for cold in going.retire:
        name = cold.version.name
        stays = ", stays a way back without a process" if cold.way_back else ""
        goes = f"{rests[name].words} goes" if name in rests else "its process goes"
        lines.append(f"{name}: answers nobody for {shown_seconds(cold.idle_s)}{stays}: {goes}")

    lines += [f"{name}: is retired and still runs: {rests[name].words} goes" for name in left_on]
    lines += [
        f"{name}: not among the {keep} retired last: its app {rests[name].app} is deleted, "
        f"`deploy` builds it again"
        for name in forget
    ]
    if rests and lines:
        saved = sum(
            _monthly(rests, name)
            for name in [*(cold.version.name for cold in going.retire), *left_on]
        )
        lines.append(f"together that saves ${saved:.2f} a month")

    return lines


def _retire(workspace: Workspace, cold: IdleVersion, say: Say) -> bool:
    """An act of its own, decided on the newest ledger: who has traffic again meanwhile stays."""
    version = cold.version

    def decide(ledger: Ledger, _: Facts) -> Plan:
        if not retention.may_retire(ledger, version):
            return ()
        return retire(ledger, version.name, way_back=version.name in ledger.released_before)

    wanted = Act(
        "collect",
        lambda _: facts.plain(workspace),
        decide,
        f"{version.name} is needed again",
        attempts=ATTEMPTS,
    )
    reason = f"answered nobody for {shown_seconds(cold.idle_s)}"
    return act(workspace, wanted, reason, say).changed


def _on_the_platform(
    found: Collected,
    workspace: Workspace,
    group: "AppGroup",
    rests: "dict[str, LeftoverApp]",
    left_on: list[str],
    forget: list[str],
) -> None:
    from targets.heroku.leftover_apps import delete, end

    for name in left_on:
        step = _of_retired(workspace, name, partial(end, group, rests[name]), lambda *_: True)
        _step(found, found.stopped, name, step, rests[name].monthly)

    for name in forget:
        if name not in found.failed:
            step = _of_retired(
                workspace, name, partial(delete, group, rests[name]), retention.may_forget
            )
            _step(found, found.deleted, name, step, 0.0)


def _of_retired(
    workspace: Workspace, name: str, does: Callable[[], None], still: Callable[[Ledger, str], bool]
) -> Callable[[], bool]:
    """Does something to the app of a version that is retired still, and that nobody starts from
    here meanwhile.
    """

    def step() -> bool:
        with held(workspace, name, f"collecting {name}"):
            with opened_record(workspace) as store:
                ledger = read_ledger(store)
            if ledger.version(name).state != State.RETIRED or not still(ledger, name):
                return False
            does()

        return True

    return step


def _step(
    found: Collected, done: list[str], name: str, step: Callable[[], bool], monthly: float
) -> None:
    """One of many: what it cannot do is kept, and the others go on."""
    try:
        if step():
            done.append(name)
            found.monthly_saving = round(found.monthly_saving + monthly, 2)
    except Interrupted:
        raise
    except (EdgeFailure, Refusal, StoreError) as error:
        found.failed[name] = str(error)


def _monthly(rests: "dict[str, LeftoverApp]", name: str) -> float:
    if name in rests:
        return rests[name].monthly
    return 0.0
