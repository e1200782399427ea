"""The plan of the rollout in progress: its steps, where it stands, and its clock."""

from dataclasses import dataclass
from functools import partial

from rollout.durations import shown_seconds
from rollout.state.ledger import Rollout
from rollout.state.policy import title_of
from router.watching.sections.number_words import share
from router.watching.sources.page_sources import PageSources

PAST, PRESENT, FUTURE = "done", "now", "to come"


@dataclass(frozen=True)
class PlanStep:
    """state: `done`, `now` or `to come`. holds: how long it is held."""

    number: int
    weight: str
    holds: str
    state: str


@dataclass(frozen=True)
class PlanProgress:
    """due_at: when the clock takes the next step (epoch seconds), None where it does not; waits:
    what it waits for instead, or beside. deadline_at: when it is ended or held undecided.
    """

    steps: list[PlanStep]
    due_at: float | None
    waits: str
    deadline_at: float | None
    at_deadline: str
    rules: list[str]


def rollout_plan(sources: PageSources) -> PlanProgress | None:
    """The plan; None without a rollout."""
    rollout = sources.ledger.rollout
    if rollout is None:
        return None

    due_at = rollout.due_at()
    if rollout.held or (due_at is not None and due_at <= sources.at):
        due_at = None

    policy = rollout.policy
    deadline_at = rollout.started_at + policy.deadline_s if policy is not None else None
    return PlanProgress(
        list(map(partial(_step, rollout), range(len(rollout.steps)))),
        due_at,
        _waits(sources, rollout),
        deadline_at,
        {"hold": "put on hold", "rollback": "rolled back"}[policy.undecided] if policy else "",
        _rules(rollout),
    )


def _step(rollout: Rollout, index: int) -> PlanStep:
    step = rollout.steps[index]
    state = PRESENT
    if index != rollout.step:
        state = PAST if index < rollout.step else FUTURE

    holds = "until a person takes the next step"
    if step.hold_s is not None:
        holds = f"at least {shown_seconds(step.hold_s)}"

    return PlanStep(index + 1, share(step.weight), holds, state)


def _waits(sources: PageSources, rollout: Rollout) -> str:
    if rollout.held:
        return f"on hold ({', '.join(map(title_of, rollout.held))}): a person must look"
    if rollout.paused:
        return "paused"

    report = sources.report
    if report is None:
        return ""

    left = max(0, int(report["step_requests"]) - int(report["step_served"]))
    if left and report["next_weights"]:
        return f"{left:,} more requests to {rollout.candidate}"
    return ""


def _rules(rollout: Rollout) -> list[str]:
    """How it is judged, one sentence a rule."""
    policy = rollout.policy
    if policy is None:
        return []

    rules = [
        f"A version that is no worse is rolled back in at most {100 * policy.alpha:g} % of "
        f"rollouts, one that is worse by a margin is released in at most {100 * policy.beta:g} %."
    ]
    for rule in policy.rules:
        words = {"rollback": "rolls back", "hold": "holds", "watch": "is only shown"}[rule.action]
        needed = "; its proof is needed for the release" if rule.required else ""
        rules.append(f"{title_of(rule.name).capitalize()} {words}{needed}.")

    return rules
