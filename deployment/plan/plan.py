"""`plan`: what a rollout of a version would change; it records nothing and moves no traffic."""

import shlex
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from deployment.commands.strategy_options import COMMAND, in_place_lines, plan_lines, ramp_steps
from deployment.commands.verbs import (
    judged_canary,
    policy_for,
    refuse_rate,
    require_name,
    steps_by_hand,
)
from deployment.plan.canary_choice import CanaryChoice
from deployment.plan.choice_words import expected_lines
from deployment.plan.contracts import contract_with_users
from deployment.plan.recordings import recorded_rows
from deployment.plan.replay_diff import differences
from deployment.plan.temporary_service import answering
from deployment.plan.traffic_replay import replay
from deployment.workspace.bundles import Release, check_belongs, check_seal, read_release
from deployment.workspace.errors import BadOption, EdgeFailure
from deployment.workspace.ledger import newest_ledger
from deployment.workspace.workspace import Workspace
from rollout.decide.side_effects import refuse_copies
from rollout.decide.transitions import chosen_steps
from rollout.differences.summary import Differences
from rollout.errors import NothingToDo
from rollout.state.contract import Contract, ContractVerdict
from rollout.state.ledger import Ledger, Step
from rollout.state.strategy import STRATEGIES
from rollout.state.version_state import LIVE
from targets.base import Bill, Say, silent
from targets.registry import open_target


@dataclass(frozen=True)
class Options:
    """The options of a rollout.

    steps, every: a canary's, as typed; auto: the controller judges it; rate: requests a second to
    expect.
    """

    steps: str | None = None
    every: str | None = None
    auto: bool = False
    rate: float | None = None

    def typed(self) -> str:
        """The options as a command line has them."""
        words = ""
        if self.steps is not None:
            words += f" --steps {shlex.quote(self.steps)}"

        if self.every is not None:
            words += f" --every {shlex.quote(self.every)}"

        if self.auto:
            words += " --auto"

        if self.rate is not None:
            words += f" --rate {self.rate:g}"

        return words


NO_OPTIONS = Options()


@dataclass(frozen=True)
class Replay:
    """The differences; own: versions that were asked in a temporary process."""

    source: str
    differences: Differences
    own: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """As plain JSON."""
        differences = asdict(self.differences) | {"share": self.differences.share}
        return {"source": self.source, "found": differences, "own": self.own}


@dataclass(frozen=True)
class RolloutPlan:
    """What a rollout would change. contract: None where nothing is released; environment: package,
    old and new version.

    cost: of everything that runs while both versions do, None where that costs nothing. choice: the
    steps of a judged canary and how long they take."""

    version: str
    released: str | None
    strategy: str
    contract: Contract | None
    environment: list[tuple[str, str, str]]
    steps: list[str]
    replay: Replay | None
    next: str
    cost: Bill | None = None
    choice: CanaryChoice | None = None

    @property
    def breaking(self) -> bool:
        """Whether it breaks the contract with the released version's users."""
        return self.contract is not None and self.contract.verdict == ContractVerdict.BREAKING

    def body(self) -> dict[str, Any]:
        """As one JSON object."""
        value = {"act": "plan", **asdict(replace(self, choice=None))}
        del value["choice"]
        value["expected"] = self.choice.to_json() if self.choice is not None else None
        if self.contract is not None:
            value["contract"]["verdict"] = str(self.contract.verdict)

        if self.replay is not None:
            value["replay"] = self.replay.to_json()

        return value


def make_plan(
    workspace: Workspace,
    name: str,
    how: str,
    source: str | None,
    options: Options = NO_OPTIONS,
    say: Say = silent,
) -> RolloutPlan:
    """Plan the rollout of a delivered version by the strategy `how`.

    source: a file of recorded rows to replay, `recent`, or None. Raises BadOption, BadSetting,
    BadWeight, IllegalEvent, NothingToDo, EdgeFailure, ContractBroken."""
    _check_options(name, how, options)
    ledger = newest_ledger(workspace)
    if ledger.released == name:
        raise NothingToDo(f"{name} is released already: all production traffic is its own")

    choice = _choice(workspace, how, name, options)
    lines = _lines(workspace, ledger, how, name, options, choice)
    release = read_release(workspace.releases, name)
    check_seal(release, workspace.public_key)
    check_belongs(release, workspace.settings.model)
    if release.side_effects:
        _refuse_copies(name, how, source, options)

    contract = contract_with_users(workspace, ledger, name)
    return RolloutPlan(
        version=name,
        released=ledger.released,
        strategy=how,
        contract=contract,
        environment=_environment(workspace, ledger, release),
        steps=lines,
        replay=_replay(workspace, ledger, name, source, say),
        next=_next_command(ledger, name, how, contract, options),
        cost=_cost(workspace, ledger, name),
        choice=choice,
    )


def _refuse_copies(name: str, how: str, source: str | None, options: Options) -> None:
    """Raise IllegalEvent, BadOption where requests would be copied to a version whose predictions
    have side effects.
    """
    refuse_copies(STRATEGIES[how], [name], options.auto)
    if source:
        raise BadOption(
            f"predictions of {name} have side effects, and --replay asks it recorded requests: "
            f"leave it out"
        )


def _check_options(name: str, how: str, options: Options) -> None:
    if how not in STRATEGIES:
        raise BadOption(f"there is no strategy '{how}': choose one of {', '.join(STRATEGIES)}")

    require_name(name)
    if how != "canary" and (options.steps is not None or options.every is not None):
        raise BadOption(
            f"--steps and --every are a canary's, not of {how}: leave them out, or plan a canary"
        )


def environment_changes(
    today: Mapping[str, Any], tomorrow: Mapping[str, Any]
) -> list[tuple[str, str, str]]:
    """Name, old and new version of each package that two manifests pin differently.

    Python comes first; a dash stands for a package that one of them lacks."""
    old, new = _pins(today), _pins(tomorrow)
    changes: list[tuple[str, str, str]] = []
    for name in ["python", *sorted((old.keys() | new.keys()) - {"python"})]:
        before, after = old.get(name, "-"), new.get(name, "-")
        if before != after:
            changes.append((name, before, after))

    return changes


def _pins(manifest: Mapping[str, Any]) -> dict[str, str]:
    """Pinned version by package; one without a version counts as missing."""
    pins = {"python": manifest.get("python"), **(manifest.get("packages") or {})}
    return {name: str(version) for name, version in pins.items() if version}


def _environment(
    workspace: Workspace, ledger: Ledger, release: Release
) -> list[tuple[str, str, str]]:
    if ledger.released is None:
        return []

    try:
        released = read_release(workspace.releases, ledger.released)
    except EdgeFailure:
        # The contract reports already that its bundle cannot be read.
        return []

    return environment_changes(released.manifest, release.manifest)


def _choice(workspace: Workspace, how: str, name: str, options: Options) -> CanaryChoice | None:
    """The steps of a judged canary; None for anything else."""
    if how == "canary" and options.auto:
        return judged_canary(workspace, name, options.steps, options.every, options.rate)

    refuse_rate(options.rate)
    return None


def _lines(
    workspace: Workspace,
    ledger: Ledger,
    how: str,
    name: str,
    options: Options,
    choice: CanaryChoice | None,
) -> list[str]:
    if choice is not None:
        ladder, expected = choice.ladder, expected_lines(choice)
        return plan_lines(ledger, how, name, ladder.steps, policy=ladder.policy, expected=expected)

    steps = _steps(how, options)
    policy = policy_for(workspace, how, name, steps) if options.auto else None
    if how == "release-in-place":
        return in_place_lines(ledger, name, policy)
    return plan_lines(ledger, how, name, steps, policy=policy)


def _steps(how: str, options: Options) -> tuple[Step, ...]:
    if how == "ramp":
        return ramp_steps("10m", 10)

    if how == "canary":
        return chosen_steps(STRATEGIES[how], steps_by_hand(options.steps, options.every))

    return ()


def _cost(workspace: Workspace, ledger: Ledger, name: str) -> Bill | None:
    """Of the router, the database, the live versions and this one; None where that is free."""
    with open_target(workspace) as target:
        return target.costs(len({version.name for version in ledger.live()} | {name}))


def _replay(
    workspace: Workspace, ledger: Ledger, name: str, source: str | None, say: Say
) -> Replay | None:
    """Ask both versions about recorded rows; None without a source."""
    if not source:
        return None

    stable = ledger.released
    if stable is None:
        raise EdgeFailure(
            f"nothing is released to compare {name} with: `{COMMAND} promote {name}` needs no "
            f"replay"
        )

    rows = recorded_rows(workspace, source, _dtypes(workspace, name, stable))
    with (
        answering(workspace, ledger, stable, say) as today,
        answering(workspace, ledger, name, say) as tomorrow,
    ):
        result = replay(rows, today.probe, tomorrow.probe)

    tolerance = workspace.settings.router.shadow_tolerance
    services = ((stable, today), (name, tomorrow))
    own = tuple(version for version, service in services if service.own)
    by_largest = read_release(workspace.releases, name).answers.by_largest
    return Replay(source, differences(result, stable, name, tolerance, by_largest), own)


def _dtypes(workspace: Workspace, *versions: str) -> dict[str, str]:
    """Type by column, of all columns of these versions."""
    dtypes: dict[str, str] = {}
    for version in versions:
        columns = read_release(workspace.releases, version).manifest.get("columns") or ()
        for column in columns:
            dtypes[column["name"]] = column["dtype"]

    return dtypes


def _next_command(
    ledger: Ledger, name: str, how: str, contract: Contract | None, options: Options
) -> str:
    version = ledger.versions.get(name)
    if how != "release-in-place" and (version is None or version.state not in LIVE):
        return f"{COMMAND} deploy {name}"
    if ledger.released is None:
        return f"{COMMAND} promote {name}"

    command = f"{COMMAND} {how} {name}{options.typed()}"
    if contract is not None and contract.verdict == ContractVerdict.BREAKING:
        return f"{command} --breaking"
    return command
