"""What holds after whatever is typed or judged in whatever order, and what every undo is worth."""

import ast
import random
import re
from pathlib import Path

from rollout.decide import decisions, transitions
from rollout.decide.actions import Plan, RecordRevision
from rollout.decide.decisions import COMMAND
from rollout.errors import Refusal
from rollout.state.ledger import Ledger, from_body
from rollout.state.split import ALL
from rollout.state.version_state import LIVE, State
from tests.rollout.ledger_commands import (
    COMMANDS,
    EMPTY,
    JUDGED,
    OFTEN,
    STARTED,
    decide,
    facts,
    ledger_after,
    outline,
    recorded,
)

SITUATIONS = (
    EMPTY,
    ledger_after("deploy v1"),
    STARTED,
    ledger_after("canary v2", ledger=STARTED),
    ledger_after("canary v2", "pause", ledger=STARTED),
    ledger_after("shadow v2", ledger=STARTED),
    ledger_after("promote v2", ledger=STARTED),
    ledger_after("release-in-place v2", ledger=STARTED),
    ledger_after("canary v2 --auto", ledger=STARTED),
    ledger_after("canary v2 --auto", "tick hold prediction", ledger=STARTED),
    ledger_after("shadow v2 --auto", ledger=STARTED),
    ledger_after("blue-green v2 --auto", ledger=STARTED),
    ledger_after("release-in-place v2 --auto", ledger=STARTED),
)


def test_whatever_is_typed_the_record_stays_true() -> None:
    chance, ledger, done = random.Random(1), EMPTY, set()
    for second in range(300):
        command, decided = next_act(ledger, chance, 15.0 * second)
        after = recorded(decided, ledger)
        check_plan(ledger, decided, after)
        check_record(after)
        check_ways_back(ledger, command, after)
        ledger = after
        done.add(command.split()[0])

    assert done >= {command.split()[0] for command in COMMANDS}


def next_act(ledger: Ledger, chance: random.Random, now: float) -> tuple[str, Plan]:
    """The first of all commands, in an order by chance, that is allowed and does something."""
    shuffled = chance.sample((*COMMANDS, *OFTEN), len(COMMANDS) + len(OFTEN))
    tried = ((command, decided_or_refused(ledger, command, now)) for command in shuffled)
    return next((command, decided) for command, decided in tried if decided)


def test_after_every_act_its_undo_is_a_verb_of_the_command_line_and_is_allowed() -> None:
    known, undone = verbs(), set()
    for ledger in SITUATIONS:
        for command in (*COMMANDS, *JUDGED):
            decided = decided_or_refused(ledger, command)
            if decided:
                undone.add(check_undo(ledger, decided, recorded(decided, ledger)))

    assert (
        {"rollback", "retire", "deploy", "release-in-place", "none:"} <= undone <= {*known, "none:"}
    )


def verbs() -> set[str]:
    """The verbs of deploy.py."""
    tree = ast.parse((Path(__file__).parents[2] / "deploy.py").read_text(encoding="utf-8"))
    functions = [
        node for node in tree.body if isinstance(node, ast.FunctionDef) and node.decorator_list
    ]
    return {node.name.replace("_", "-") for node in functions}


def decided_or_refused(ledger: Ledger, command: str, now: float = 0.0) -> Plan:
    """The plan of a command, an empty one where it is refused; the ledger it was asked of stays as
    it was.
    """
    body = ledger.to_body()
    try:
        return decide(ledger, command, now)
    except Refusal:
        return ()
    finally:
        assert ledger.to_body() == body


def check_plan(before: Ledger, decided: Plan, after: Ledger) -> None:
    """One record, one revision further; what starts is proven before it, what stops is drained
    after it.
    """
    verbs = "".join(f"{line.split()[0]} " for line in outline(decided))
    assert re.fullmatch("(Start WaitReady WarmUp )?RecordRevision (DrainVersion Stop )*", verbs)
    assert after.revision == before.revision + 1
    started, stopped = programs(decided, "Start"), programs(decided, "Stop")
    assert stopped == programs(decided, "DrainVersion")
    assert started == programs(decided, "WaitReady") == programs(decided, "WarmUp")
    running = {version.program for version in before.live()}
    assert {version.program for version in after.live()} == (running | started) - stopped


def programs(decided: Plan, kind: str) -> set[str]:
    """What one kind of action is done to."""
    return {line.split()[1] for line in outline(decided) if line.startswith(f"{kind} ")}


def check_record(ledger: Ledger) -> None:
    """Who has traffic lives; one version is released; only a candidate is anything between."""
    states = {version.name: version.state for version in ledger.versions.values()}
    weights = ledger.split.weights() if ledger.split else {}
    copied = dict(ledger.split.shadows) if ledger.split else {}
    rollout = ledger.rollout
    assert sum(weights.values()) == (ALL if ledger.released else 0)
    assert all(states[name] in LIVE for name in (*weights, *copied))
    assert named(states, State.RELEASED) == ({ledger.released} if ledger.released else set())
    beside = {ledger.released} if rollout and transitions.watched(rollout) else set()
    assert named(states, State.RELEASED, State.SERVING) == {*weights, *beside}
    assert named(states, State.SHADOWING) == {*copied} - beside
    assert not beside or (weights, copied) == ({rollout.candidate: ALL}, {ledger.released: ALL})
    assert {*weights, *copied} - {ledger.released} == ({rollout.candidate} if rollout else set())
    assert rollout is None or rollout.stable == ledger.released
    assert len({*ledger.released_before, ledger.released}) == len(ledger.released_before) + 1
    assert from_body(ledger.to_body(), ledger.revision) == ledger


def named(states: dict[str, State], *wanted: State) -> set[str]:
    """The versions in these states."""
    return {name for name, state in states.items() if state in wanted}


def check_ways_back(before: Ledger, command: str, after: Ledger) -> None:
    """Only force takes the way back away, and a rollback is never refused while there is one."""
    target = after.rollback_target()
    if command.startswith("retire") and "--force" not in command:
        assert target == before.rollback_target()

    if target is not None:
        back = recorded(decisions.rollback(after, facts(after, target)), after)
        assert (back.weight(target), back.released) == (ALL, target)


def check_undo(before: Ledger, decided: Plan, after: Ledger) -> str:
    """The undo's verb: allowed at once, but for a first release, and for the way back, which only
    force retires.
    """
    (record,) = (action for action in decided if isinstance(action, RecordRevision))
    undo = record.undo.removeprefix(f"{COMMAND} ")
    if undo == record.undo:
        assert (undo, before.released) == ("none: nothing was released before", None)
    elif undo == f"retire {after.rollback_target()}":
        assert decide(after, f"{undo} --force")
    else:
        assert decide(after, undo)

    return undo.split()[0]
