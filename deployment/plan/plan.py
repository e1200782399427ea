"""`plan`: what a rollout of a version would mean, before anything moves. Records nothing and gives
nobody traffic.
"""

import shlex
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from typing import Any

from deployment.commands.strategy_options import COMMAND, in_place_lines, plan_lines, ramp_steps
from deployment.commands.verbs import policy_for, require_name, steps_of_canary
from deployment.plan.contracts import contract_with_users
from deployment.plan.recordings import recorded_rows
from deployment.plan.replay import replay
from deployment.plan.replay_diff import Differences, differences
from deployment.plan.temporary_service import answering
from deployment.workspace.bundles import Release, check_belongs, check_seal, read_release
from deployment.workspace.errors import BadOption, EdgeFailure
from deployment.workspace.ledger import opened_record, read_ledger
from deployment.workspace.workspace import Workspace
from rollout.decide.transitions import chosen_steps
from rollout.errors import NothingToDo
from rollout.state.contract import Contract, ContractVerdict
from rollout.state.ledger import Ledger, Step
from rollout.state.strategy import STRATEGIES
from rollout.state.version_state import LIVE
from targets.base import Bill
from targets.registry import open_target


@dataclass(frozen=True)
class Options:
    """What is said of the rollout itself. steps, every: of a canary, as they are typed; auto:
    judged and moved on.
    """

    steps: str | None = None
    every: str | None = None
    auto: bool = False

    def typed(self) -> str:
        """As the command that begins such a rollout takes them."""
        steps = "" if self.steps is None else f" --steps {shlex.quote(self.steps)}"
        every = "" if self.every is None else f" --every {shlex.quote(self.every)}"
        return f"{steps}{every}{' --auto' if self.auto else ''}"


NO_OPTIONS = Options()


@dataclass(frozen=True)
class Replay:
    """The differences, and which versions were asked in a process of the replay's own."""

    source: str
    found: Differences
    own: tuple[str, ...]


@dataclass(frozen=True)
class Planned:
    """What `plan` found. contract: None where nothing is released; environment: package, old and
    new version.

    cost: what runs while both versions do, where that costs money.
    """

    version: str
    released: str | None
    strategy: str
    contract: Contract | None
    environment: list[tuple[str, str, str]]
    steps: list[str]
    replay: Replay | None
    next: str
    cost: Bill | None = None

    @property
    def breaking(self) -> bool:
        """Whether it breaks what today's users rely on."""
        return self.contract is not None and self.contract.verdict == ContractVerdict.BREAKING

    def body(self) -> dict[str, Any]:
        """As one JSON object."""
        value = {"act": "plan", **asdict(self)}
        if self.contract is not None:
            value["contract"]["verdict"] = str(self.contract.verdict)

        if self.replay is not None:
            value["replay"]["found"]["share"] = self.replay.found.share

        return value


def plan(
    workspace: Workspace, name: str, how: str, source: str | None, options: Options = NO_OPTIONS
) -> Planned:
    """Plan the rollout of a delivered version by a strategy; source: a file of recorded rows,
    `recent`, or None.

    Raises BadOption, BadSetting, BadWeight, NothingToDo, EdgeFailure, ContractBroken.
    """
    if how not in STRATEGIES:
        raise BadOption(f"there is no strategy '{how}': choose one of {', '.join(STRATEGIES)}")

    require_name(name)
    if how != "canary" and (options.steps is not None or options.every is not None):
        raise BadOption(
            f"--steps and --every are a canary's, not of {how}: leave them out, or plan a canary"
        )

    with opened_record(workspace) as store:
        ledger = read_ledger(store)

    if ledger.released == name:
        raise NothingToDo(f"{name} is released already: all production traffic is its own")

    lines = _lines(workspace, ledger, how, name, options)
    release = read_release(workspace.releases, name)
    check_seal(release, workspace.public_key)
    check_belongs(release, workspace.settings.model)
    contract = contract_with_users(workspace, ledger, name)
    return Planned(
        name,
        ledger.released,
        how,
        contract,
        _environment(workspace, ledger, release),
        lines,
        _replayed(workspace, ledger, name, source) if source else None,
        _next(ledger, name, how, contract, options),
        _cost(workspace, ledger, name),
    )


def environment_changes(
    today: Mapping[str, Any], tomorrow: Mapping[str, Any]
) -> list[tuple[str, str, str]]:
    """Name, old and new version of what two manifests pin otherwise, Python first; a dash where one
    has it not.
    """
    mine, theirs = (
        {"python": each.get("python"), **(each.get("packages") or {})} for each in (today, tomorrow)
    )
    names = ["python", *sorted({*mine, *theirs} - {"python"})]
    pairs = [(name, str(mine.get(name) or "-"), str(theirs.get(name) or "-")) for name in names]
    return [(name, old, new) for name, old, new in pairs if old != new]


def _environment(
    workspace: Workspace, ledger: Ledger, release: Release
) -> list[tuple[str, str, str]]:
    if ledger.released is None:
        return []

    try:
        released = read_release(workspace.releases, ledger.released)
    except EdgeFailure:
        # The contract says already that its bundle cannot be read.
        return []

    return environment_changes(released.manifest, release.manifest)


def _lines(
    workspace: Workspace, ledger: Ledger, how: str, name: str, options: Options
) -> list[str]:
    if how == "release-in-place":
        return in_place_lines(
            ledger, name, policy_for(workspace, how, name) if options.auto else None
        )

    steps: tuple[Step, ...] = ramp_steps("10m", 10) if how == "ramp" else ()
    if how == "canary":
        steps = chosen_steps(
            STRATEGIES[how], steps_of_canary(workspace, options.steps, options.every, options.auto)
        )

    judged = policy_for(workspace, how, name, steps) if options.auto else None
    return plan_lines(ledger, how, name, steps, policy=judged)


def _cost(workspace: Workspace, ledger: Ledger, name: str) -> Bill | None:
    """Of router, database, the versions that are live and this one beside them."""
    with open_target(workspace) as target:
        return target.costs(len({version.name for version in ledger.live()} | {name}))


def _replayed(workspace: Workspace, ledger: Ledger, name: str, source: str) -> Replay:
    stable = ledger.released
    if stable is None:
        raise EdgeFailure(
            f"nothing is released to compare {name} with: `{COMMAND} promote {name}` needs no "
            f"replay"
        )

    dtypes: dict[str, str] = {}
    for version in (name, stable):
        columns = read_release(workspace.releases, version).manifest.get("columns") or ()
        dtypes |= {column["name"]: column["dtype"] for column in columns}

    rows = recorded_rows(workspace, source, dtypes)
    with ExitStack() as open_:
        today, tomorrow = (
            open_.enter_context(answering(workspace, ledger, each)) for each in (stable, name)
        )
        replayed = replay(rows, today.probe, tomorrow.probe)

    found = differences(replayed, stable, name, workspace.settings.router.shadow_tolerance)
    return Replay(
        source, found, tuple(each for each, at in ((stable, today), (name, tomorrow)) if at.own)
    )


def _next(ledger: Ledger, name: str, how: str, contract: Contract | None, options: Options) -> str:
    version = ledger.versions.get(name)
    if how != "release-in-place" and (version is None or version.state not in LIVE):
        return f"{COMMAND} deploy {name}"
    if ledger.released is None:
        return f"{COMMAND} promote {name}"

    breaking = contract is not None and contract.verdict == ContractVerdict.BREAKING
    return f"{COMMAND} {how} {name}{options.typed()}" + (" --breaking" if breaking else "")
