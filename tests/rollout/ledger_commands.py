"""Acts as an operator types them, each decided by the core on the ledger that the one before it
left.
"""

from collections.abc import Sequence
from dataclasses import replace

from hypothesis import settings
from hypothesis import strategies as st

from rollout.decide import decisions
from rollout.decide.actions import Plan, RecordRevision
from rollout.decide.decisions import Facts
from rollout.decide.reconcile import Observation, next_move
from rollout.errors import Refusal
from rollout.state.ledger import Ledger, Step
from rollout.state.policy import Policy, VerdictConfig, policy
from rollout.state.strategy import strategy
from rollout.verdict.verdict import Verdict

EMPTY = Ledger("flights")
JUDGING = VerdictConfig()
PLENTY = 10**6
quick = settings(max_examples=10, derandomize=True, database=None, deadline=None)


def facts(ledger: Ledger, name: str = "", now: float = 0.0) -> Facts:
    """What is seen of a version whose bundle is whole and whose process answers its golden rows."""
    program = f"{name}-{ledger.revision + 1}"
    return Facts(
        now, "ana@test", f"sha256 of {name}", "onnx", program, f"unix:/run/{program}", True
    )


def verdict_of(
    word: str, *because: str, against: float = 0.0, proved: bool | None = None
) -> Verdict:
    """A verdict of that word; proved: by default only one that passes."""
    return Verdict(
        word, against, 3.0, (), because, proved=word == "pass" if proved is None else proved
    )


def decide(
    ledger: Ledger,
    command: str,
    now: float = 0.0,
    seen: Facts | None = None,
    judging: VerdictConfig = JUDGING,
) -> Plan:
    """The plan of `canary v2 --steps 5,50 --every 30`, or of `tick`: the controller asks; raises
    Refusal.

    `canary v2 --auto` runs by itself, judged as `judging` says; `tick hold prediction` is a tick
    with that verdict."""
    seen = seen or facts(ledger, _named(ledger, command), now)
    match command.split():
        case ["tick"]:
            record = decisions.advance(ledger, now)
            return () if record is None else (record,)
        case ["tick", word, *because]:
            record = next_move(ledger, Observation(now, verdict_of(word, *because), PLENTY))
            return () if record is None else (record,)
        case ["pause"]:
            return decisions.pause(ledger, seen)
        case ["resume"]:
            return decisions.resume(ledger, seen)
        case ["abort"]:
            return decisions.abort(ledger)
        case ["rollback"]:
            return decisions.rollback(ledger, seen)
        case [verb, name, *options]:
            by = policy(judging, strategy(verb)) if "--auto" in options else None
            return _about(
                ledger, verb, name, [option for option in options if option != "--auto"], seen, by
            )

    raise ValueError(command)


def _named(ledger: Ledger, command: str) -> str:
    return (
        (ledger.rollback_target() or "")
        if command == "rollback"
        else command.partition(" ")[2].partition(" ")[0]
    )


def _about(
    ledger: Ledger, verb: str, name: str, options: Sequence[str], seen: Facts, by: Policy | None
) -> Plan:
    match verb, options:
        case "deploy", []:
            return decisions.deploy(ledger, seen, name)
        case "promote", []:
            return decisions.promote(ledger, seen, name)
        case "promote", ["--step"]:
            return decisions.promote_step(ledger, seen, name)
        case "release-in-place", []:
            return decisions.release_in_place(ledger, seen, name, by)
        case "retire", _:
            return decisions.retire(ledger, name, options == ["--force"])
        case _, ["--percent", percent]:
            return decisions.start(
                ledger, seen, name, verb, share=round(float(percent) * 100), policy=by
            )
        case _, ["--steps", percents, *every]:
            return decisions.start(ledger, seen, name, verb, _steps(percents, every), policy=by)
        case _:
            return decisions.start(ledger, seen, name, verb, policy=by)


def _steps(percents: str, every: Sequence[str]) -> list[Step]:
    hold = float(every[1]) if every else None
    return [Step(round(float(percent) * 100), hold) for percent in percents.split(",")]


def recorded(decided: Plan, before: Ledger) -> Ledger:
    """The ledger that a plan writes, or the one before where it writes none."""
    return next((action.ledger for action in decided if isinstance(action, RecordRevision)), before)


def ledger_after(
    *commands: str, ledger: Ledger = EMPTY, now: float = 0.0, judging: VerdictConfig = JUDGING
) -> Ledger:
    """The ledger after these commands, all of them allowed."""
    for command in commands:
        ledger = recorded(decide(ledger, command, now, judging=judging), ledger)
    return ledger


def outline(decided: Plan) -> list[str]:
    """A plan in short: each action, and what it is done to."""
    return [
        f"{type(action).__name__} {getattr(action, 'program', getattr(action, 'act', ''))}"
        for action in decided
    ]


STARTED = ledger_after("deploy v1", "promote v1", "deploy v2", "deploy v3")
"""v1 has all the traffic; v2 and v3 are deployed and proven."""

NAMES = ("v1", "v2", "v3")
ABOUT_ONE = (
    "deploy {}",
    "promote {}",
    "promote {} --step",
    "shadow {} --percent 25",
    "canary {} --steps 5,50 --every 10",
    "canary {}",
    "ab {} --steps 30",
    "ramp {} --steps 40,100 --every 20",
    "blue-green {}",
    "release-in-place {}",
    "retire {}",
    "retire {} --force",
    "canary {} --steps 5,50 --every 10 --auto",
    "shadow {} --auto",
    "ab {} --auto",
    "ramp {} --steps 40,100 --every 20 --auto",
    "blue-green {} --auto",
    "release-in-place {} --auto",
)
JUDGED = (
    *("tick pass", "tick pass", "tick undecided", "tick undecided", "tick fail errors"),
    *("tick hold prediction", "tick hold agreement", "tick invalid ratio"),
)
OFTEN = (*("tick", "tick", "tick", "pause", "pause", "resume", "resume", "resume"), *JUDGED)
COMMANDS = (
    *(form.format(name) for form in ABOUT_ONE for name in NAMES),
    *("pause", "resume", "abort", "rollback"),
)
anything = st.lists(st.sampled_from((*COMMANDS, *OFTEN)), min_size=8, max_size=16)


@st.composite
def ledgers(draw: st.DrawFn) -> Ledger:
    """Any ledger that acts can leave; what is refused on the way leaves it as it was."""
    ledger = draw(st.sampled_from((EMPTY, STARTED)))
    for second, command in enumerate(draw(anything)):
        try:
            ledger = recorded(decide(ledger, command, 15.0 * second), ledger)
        except Refusal:
            continue

    return ledger


def not_ready(ledger: Ledger, name: str, answers: bool | None) -> Facts:
    """What is seen of a version that did not answer its golden rows, or was not asked."""
    because = "golden row 0 gave 3" if answers is False else "nobody asked it"
    return replace(facts(ledger, name), answers_golden_rows=answers, not_ready_because=because)
