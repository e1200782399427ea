"""Each acting verb as an Act: the facts it needs, the decision of the core, what it shows first."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from deployment import facts
from deployment.commands.run_verb import Act
from deployment.commands.strategy_options import (
    NOTHING_EXPECTED,
    ExpectedLines,
    canary_steps,
    configured_steps,
    in_place_lines,
    judged_steps,
    plan_lines,
    ramp_steps,
    seconds,
)
from deployment.workspace.errors import BadOption, EdgeFailure
from deployment.workspace.workspace import Workspace
from rollout.decide import decisions
from rollout.decide.side_effects import judged_by_draws
from rollout.decide.transitions import chosen_steps
from rollout.errors import BadSetting, IllegalEvent
from rollout.settings import is_name
from rollout.state.classes import Answers
from rollout.state.ledger import Ledger, Step
from rollout.state.policy import CLASSES, Policy, policy
from rollout.state.segments import SegmentColumn
from rollout.state.split import ALL, basis_points
from rollout.state.strategy import strategy

if TYPE_CHECKING:
    from deployment.plan.canary_choice import CanaryChoice
    from deployment.workspace.bundles import Release
    from rollout.state.contract import Contract

# A rollback is tried until it wins; its rivals are single inserts, so few rounds are ever needed.
ROLLBACK_ATTEMPTS = 50
DEPLOY_ATTEMPTS = 10
CANARY_STEPS = "5,25,50"
LONGEST_NAME = 64


def deploy(workspace: Workspace, name: str) -> Act:
    """Start and prove a version without traffic; a lost insert is tried again."""
    require_name(name)
    return Act(
        "deploy",
        lambda ledger: facts.of_next(workspace, ledger, name),
        lambda ledger, facts: decisions.deploy(ledger, facts, name),
        f"{name} is deployed already",
        attempts=DEPLOY_ATTEMPTS,
        starts=name,
    )


def start(
    workspace: Workspace,
    name: str,
    how: str,
    steps: tuple[Step, ...] = (),
    share: int = ALL,
    breaking: bool = False,
    auto: bool = False,
    expected: ExpectedLines = NOTHING_EXPECTED,
) -> Act:
    """Begin a rollout by one of the strategies.

    breaking: allow breaking changes
    auto: the controller judges it and takes its steps
    expected: how long it will take, in words
    """
    require_name(name)
    judged = None
    if auto:
        judged = policy_for(workspace, how, name, steps)

    return Act(
        how,
        lambda ledger: facts.of_running(workspace, ledger, name),
        lambda ledger, facts: decisions.start(ledger, facts, name, how, steps, share, judged),
        f"{how} of {name} goes on",
        preview=lambda ledger: plan_lines(ledger, how, name, steps, share, judged, expected),
        contract=_contract(workspace, name),
        breaking=breaking,
    )


def canary(
    workspace: Workspace,
    name: str,
    steps: str | None,
    every: str | None,
    breaking: bool = False,
    auto: bool = False,
    rate: float | None = None,
) -> Act:
    """A canary by steps such as `5,25,50`; with `auto` by those that suit the traffic.

    rate: requests a second to expect, None: as they came lately. Raises TooSlow where it would not
    end before its deadline.
    """
    if not auto:
        refuse_rate(rate)
        return start(workspace, name, "canary", steps_by_hand(steps, every), breaking=breaking)

    from deployment.plan.choice_words import expected_lines, refuse_if_too_slow

    choice = judged_canary(workspace, name, steps, every, rate)
    refuse_if_too_slow(choice)
    return start(
        workspace,
        name,
        "canary",
        choice.ladder.steps,
        breaking=breaking,
        auto=True,
        expected=expected_lines(choice),
    )


def refuse_rate(rate: float | None) -> None:
    """Raise BadOption where a rate is given and nothing is planned for it."""
    if rate is not None:
        raise BadOption("--rate is for a canary with --auto: leave it out, or add --auto")


def steps_by_hand(steps: str | None, every: str | None) -> tuple[Step, ...]:
    """The steps of a canary that nobody judges. Raises BadOption, BadWeight."""
    return canary_steps(CANARY_STEPS if steps is None else steps, every)


def judged_canary(
    workspace: Workspace, name: str, steps: str | None, every: str | None, rate: float | None
) -> "CanaryChoice":
    """The steps of a judged canary by these options, each None where it is not given.

    Raises BadOption, BadSetting, BadWeight.
    """
    from deployment.plan.canary_choice import CanaryWish, chosen
    from deployment.plan.traffic import known_traffic

    require_name(name)
    settings = workspace.settings
    hold_s = settings.verdict.step_s if every is None else seconds(every)
    typed = None
    if steps is not None:
        typed = chosen_steps(strategy("canary"), judged_steps(steps, hold_s))

    configured = configured_steps(replace(settings.verdict, step_s=hold_s))
    judged = partial(policy_for, workspace, "canary", name)
    shadow = _shadow_policy(workspace, name)
    wish = CanaryWish(name, typed, configured, hold_s, judged, shadow)
    return chosen(wish, known_traffic(workspace, name, rate))


def _shadow_policy(workspace: Workspace, name: str) -> Policy | None:
    """How a shadow would be judged; None where it would be refused."""
    try:
        return policy_for(workspace, "shadow", name)
    except (BadSetting, IllegalEvent):
        return None


def blue_green(workspace: Workspace, name: str, breaking: bool = False, auto: bool = False) -> Act:
    """All traffic in one step; the old version stays warm."""
    return start(workspace, name, "blue-green", breaking=breaking, auto=auto)


def ramp(
    workspace: Workspace,
    name: str,
    over: str,
    count: int,
    breaking: bool = False,
    auto: bool = False,
) -> Act:
    """A ramp, whose steps the routers' controller takes."""
    return start(workspace, name, "ramp", ramp_steps(over, count), breaking=breaking, auto=auto)


def ab(
    workspace: Workspace, name: str, percent: float, breaking: bool = False, auto: bool = False
) -> Act:
    """Fixed shares, until a person decides."""
    return start(
        workspace, name, "ab", (Step(basis_points(percent)),), breaking=breaking, auto=auto
    )


def shadow(
    workspace: Workspace, name: str, percent: float, breaking: bool = False, auto: bool = False
) -> Act:
    """Copies of that share of the traffic."""
    return start(
        workspace, name, "shadow", share=basis_points(percent), breaking=breaking, auto=auto
    )


def release_in_place(
    workspace: Workspace, name: str, breaking: bool = False, auto: bool = False
) -> Act:
    """Replace the released version's process."""
    require_name(name)
    judged = None
    if auto:
        judged = policy_for(workspace, "release-in-place", name)

    return Act(
        "release-in-place",
        lambda ledger: facts.of_next(workspace, ledger, name),
        lambda ledger, facts: decisions.release_in_place(ledger, facts, name, judged),
        f"{name} is released already",
        preview=lambda ledger: in_place_lines(ledger, name, judged),
        contract=_contract(workspace, name),
        breaking=breaking,
        starts=name,
    )


def promote(workspace: Workspace, name: str, step: bool = False, breaking: bool = False) -> Act:
    """Release a version, or take the next step of its rollout."""
    require_name(name)
    decide = decisions.promote_step if step else decisions.promote
    return Act(
        "promote",
        lambda ledger: facts.of_running(workspace, ledger, name),
        lambda ledger, facts: decide(ledger, facts, name),
        f"{name} is released already",
        contract=_contract(workspace, name),
        breaking=breaking,
    )


def rollback(workspace: Workspace) -> Act:
    """Send the traffic back, without checks; a lost insert is tried again until it wins."""
    return Act(
        "rollback",
        lambda ledger: facts.of_return(workspace, ledger),
        decisions.rollback,
        "nothing to roll back to",
        attempts=ROLLBACK_ATTEMPTS,
    )


def pause(workspace: Workspace) -> Act:
    """Hold the rollout."""
    return Act("pause", lambda _: facts.plain(workspace), decisions.pause, "it is paused already")


def resume(workspace: Workspace) -> Act:
    """Let the rollout continue."""
    return Act("resume", lambda _: facts.plain(workspace), decisions.resume, "it is not paused")


def abort(workspace: Workspace) -> Act:
    """End the rollout."""
    return Act(
        "abort",
        lambda _: facts.plain(workspace),
        lambda ledger, _: decisions.abort(ledger),
        "nothing to abort",
    )


def retire(
    workspace: Workspace, name: str, force: bool = False, rollback_target: bool = False
) -> Act:
    """Stop a version without traffic; see rollout/decide/decisions.py."""
    require_name(name)
    return Act(
        "retire",
        lambda _: facts.plain(workspace),
        lambda ledger, _: decisions.retire(ledger, name, force, rollback_target),
        f"{name} is retired already",
    )


def policy_for(workspace: Workspace, how: str, name: str, steps: Sequence[Step] = ()) -> Policy:
    """How deploy.toml judges a rollout of a version by that strategy.

    Raises BadSetting where failures could not be compared, IllegalEvent where its predictions have
    side effects and the strategy copies requests.
    """
    row = strategy(how)
    if row.watches and not workspace.settings.router.fallback:
        raise BadSetting(
            "router.fallback is off in deploy.toml, so nobody would answer beside the new version "
            f"of a {how}, and its failures could not be compared: switch it on, or leave out --auto"
        )

    weights = [step.weight for step in steps] or list(row.steps)
    bundle = _bundle(workspace, name)
    answers: Answers = CLASSES
    segments: tuple[SegmentColumn, ...] = ()
    if bundle is not None:
        answers, segments = bundle.answers, bundle.segments

    judged = policy(workspace.settings.verdict, row, answers, weights, segments)
    if bundle is not None and bundle.side_effects:
        return judged_by_draws(judged, row, [name])
    return judged


def _contract(workspace: Workspace, name: str) -> "Callable[[Ledger], Contract | None]":
    """How that version would change today's contract with its users."""

    def at_stake(ledger: Ledger) -> "Contract | None":
        from deployment.plan.contracts import contract_at_stake

        return contract_at_stake(workspace, ledger, name)

    return at_stake


def _bundle(workspace: Workspace, name: str) -> "Release | None":
    """A version's bundle; a damaged one is reported by the checks that read more of it."""
    from deployment.workspace.bundles import read_release

    try:
        return read_release(workspace.releases, name)
    except EdgeFailure:
        return None


def require_name(name: str) -> None:
    """Raise BadOption unless `name` may name a version."""
    if not name or not is_name(name):
        shown = name
        if len(name) > LONGEST_NAME:
            shown = f"{name[:LONGEST_NAME]}..."
        raise BadOption(f"{shown!r} is no version: letters, digits, '-', '_' and '.', at most 64")
