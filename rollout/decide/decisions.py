"""One function a verb: (ledger, facts) -> actions, or one sentence of refusal.

Order rule of every plan: start -> wait ready -> warm up -> move traffic -> drain -> stop. Release
in place keeps it too, but stops the old process at once: the one act without a warm rollback
target."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

from rollout.decide import transitions
from rollout.decide.actions import (
    DrainVersion,
    Plan,
    RecordRevision,
    Start,
    Stop,
    WaitReady,
    WarmUp,
)
from rollout.decide.begin_command import command_of
from rollout.decide.side_effects import judged_by_draws, refuse_copies, versions_with_side_effects
from rollout.errors import BadWeight, IllegalEvent, NothingToDo, NotReady, RolloutInProgress
from rollout.state.classes import ClassValue
from rollout.state.ledger import Ledger, Rollout, Step, Version
from rollout.state.policy import Policy, title_of
from rollout.state.segments import SegmentColumn
from rollout.state.split import ALL
from rollout.state.strategy import Strategy, strategy
from rollout.state.version_state import LIVE, Event, State

COMMAND = "python deploy.py"


@dataclass(frozen=True)
class Facts:
    """What the edge observed for one act.

    now: epoch seconds; actor: who acts. For the version the act is about: digest and runtime of its
    verified bundle, what it answers (task, classes, output), whether its predictions have side
    effects, its segments, the program and address its next process would have, whether the running
    one answers its golden rows (None: not asked)."""

    now: float
    actor: str
    digest: str = ""
    runtime: str = ""
    program: str = ""
    address: str = ""
    answers_golden_rows: bool | None = None
    not_ready_because: str = "nobody asked it"
    task: str = ""
    classes: tuple[ClassValue, ...] = ()
    output: str = ""
    side_effects: bool = False
    segments: tuple[SegmentColumn, ...] = ()


def deploy(ledger: Ledger, facts: Facts, name: str) -> Plan:
    """Put a delivered version into its environment, running and proven, without users' traffic."""
    known = ledger.versions.get(name)
    if known is not None and known.state in LIVE:
        _refuse_other_content(known, facts)
        return ()

    deployed = ledger.with_version(_fresh(facts, name))
    undo = f"retire {name}"
    if name == ledger.rollback_target():
        undo += " --force"

    record = _record(deployed, "deploy", f"{name} deployed without traffic", undo)
    return (*_bring_up(name, facts.program), record)


def promote(ledger: Ledger, facts: Facts, name: str) -> Plan:
    """Make a version responsible for all production traffic."""
    _refuse_unless_ready(ledger, facts, name)
    ledger.must_be_free_for(name)
    if ledger.released == name and ledger.weight(name) == ALL and ledger.rollout is None:
        return ()

    after = transitions.released(ledger, name)
    return (_record(after, "promote", f"{name} released", _undo_of_release(ledger)),)


def promote_step(ledger: Ledger, facts: Facts, name: str) -> Plan:
    """Take the next step of the rollout in progress; after the last one the version is released."""
    ledger.must_not_be_of_another(name)
    rollout = ledger.running()
    if rollout.paused:
        raise IllegalEvent(f"the {_named(rollout)} is paused: `{COMMAND} resume` first")

    if not rollout.steps:
        raise NothingToDo(
            f"a {rollout.strategy} has no steps: `{COMMAND} canary {name}` begins some, "
            f"`{COMMAND} promote {name}` releases it"
        )

    _refuse_unless_ready(ledger, facts, name)
    return (step_of(ledger, facts.now),)


def start(
    ledger: Ledger,
    facts: Facts,
    name: str,
    how: str,
    steps: Sequence[Step] = (),
    share: int = ALL,
    policy: Policy | None = None,
) -> Plan:
    """Begin a rollout of `name` by the strategy `how`.

    steps: weights and hold times (default: the strategy's own); share: basis points of the copies a
    shadow gets; policy: how the controller judges it, None where it does not run by itself."""
    row = strategy(how)
    if row.in_place:
        raise NothingToDo(f"a release in place is one act, not a rollout: `{COMMAND} {how} {name}`")

    chosen = transitions.chosen_steps(row, steps)
    if policy is not None and row.watches:
        chosen = (Step(ALL, policy.watch_s),)

    if policy is not None and row.ends == "proof" and chosen[-1].weight == ALL:
        raise BadWeight(
            f"a {row.name} that runs by itself is released on proof: its steps must end below 100 %"
        )

    _refuse_to_begin_anew(ledger, name, how)
    _refuse_unless_ready(ledger, facts, name)
    policy = _judged_by(ledger, row, name, policy)
    waits = policy is not None and chosen != () and ledger.lets_wait(name)
    if not waits:
        ledger.must_be_free_for(name)

    plan = transitions.planned(ledger, row, name, _stable(ledger, name), chosen, policy)
    rollout = replace(plan, step_since=facts.now, started_at=facts.now, started_by=facts.actor)
    if waits:
        return (_queued(ledger, rollout),)

    begun = transitions.begun(ledger, rollout)
    if row.shadows:
        summary = f"{share / 100:g} % of the requests are copied to {name}"
        return (_record(transitions.shadowed(begun, name, share), how, summary, "abort"),)

    return (_weighed(transitions.weighed(begun), how, rollout),)


def release_in_place(ledger: Ledger, facts: Facts, name: str, policy: Policy | None = None) -> Plan:
    """Replace the process of the released version by one of `name`, in one act.

    policy: how the controller judges it before the old process goes; None: it goes at once.
    """
    ledger.must_be_free_for(name)
    if policy is not None:
        return _in_place_watched(ledger, facts, name, policy)

    old = ledger.released_version()
    after = transitions.released(_replaced(ledger, facts, name), name)
    ends = _ends_of_replaced(ledger, (name, ledger.released), facts.program)
    if old is None:
        record = _record(after, "release-in-place", f"{name} released", _undo_of_release(ledger))
        return (*_bring_up(name, facts.program), record, *ends)

    if old.name != name:
        after = after.with_event(old.name, Event.RETIRE)

    record = _record(
        after, "release-in-place", f"{name} in place of {old.name}", f"release-in-place {old.name}"
    )
    return (*_bring_up(name, facts.program), record, *ends)


def _in_place_watched(ledger: Ledger, facts: Facts, name: str, policy: Policy) -> Plan:
    """All traffic to a fresh process of `name`, the old one runs until the controller is
    sure.
    """
    _refuse_to_begin_anew(ledger, name, "release-in-place")
    stable, row = _stable(ledger, name), strategy("release-in-place")
    fresh = _replaced(ledger, facts, name)
    judged_by_draws(policy, row, versions_with_side_effects(fresh, (name, stable)))
    rollout = transitions.planned(ledger, row, name, stable, (Step(ALL, policy.watch_s),), policy)
    rollout = replace(rollout, step_since=facts.now, started_at=facts.now, started_by=facts.actor)
    after = transitions.weighed(transitions.begun(fresh, rollout))
    ends = _ends_of_replaced(ledger, (name,), facts.program)
    summary = f"{name} answers in place of {stable}, which keeps running for now"
    return (*_bring_up(name, facts.program), _record(after, row.name, summary, "rollback"), *ends)


def pause(ledger: Ledger, facts: Facts) -> Plan:
    """Hold the rollout where it is; the clock stops."""
    rollout = ledger.running()
    if rollout.paused:
        return ()

    spent = max(0.0, facts.now - rollout.step_since)
    held = replace(ledger, rollout=replace(rollout, paused=True, held_s=rollout.held_s + spent))
    return (_record(held, "pause", f"{_named(rollout)} held", "resume"),)


def resume(ledger: Ledger, facts: Facts) -> Plan:
    """Let a paused rollout go on with the time that was left of its step; the reasons for which it
    was on hold are accepted.
    """
    rollout = ledger.running()
    if not rollout.paused and not rollout.held:
        return ()

    accepted = tuple(sorted({*rollout.accepted, *rollout.held}))
    on = replace(rollout, paused=False, step_since=facts.now, held=(), accepted=accepted)
    summary = f"{_named(rollout)} goes on"
    if rollout.held:
        summary += f", {', '.join(map(title_of, rollout.held))} accepted"

    return (_record(replace(ledger, rollout=on), "resume", summary, "pause"),)


def abort(ledger: Ledger) -> Plan:
    """End the rollout: all traffic to the stable version, the candidate stays deployed. Without
    one, the queued one.
    """
    if ledger.rollout is None and ledger.queued is not None:
        summary, undo = f"{_named(ledger.queued)} waits no more", command_of(ledger.queued, ledger)
        return (_record(replace(ledger, queued=None), "abort", summary, undo),)

    rollout = ledger.running()
    summary = f"{_named(rollout)} ended, all traffic to {rollout.stable}"
    return (
        _record(transitions.ended(ledger, rollout), "abort", summary, command_of(rollout, ledger)),
    )


def rollback(ledger: Ledger, facts: Facts) -> Plan:
    """Send the traffic back to the version that had it before, without asking or waiting.

    A target that has no process any more, as after a release in place, is started first.
    """
    rollout = ledger.rollout
    if rollout is not None and ledger.weight(rollout.candidate) > 0:
        summary, undo = f"from {rollout.candidate} to {rollout.stable}", command_of(rollout, ledger)
        return (_record(transitions.ended(ledger, rollout), "rollback", summary, undo),)

    target = ledger.rollback_target()
    if target is None:
        raise NothingToDo(_no_rollback_target(ledger))

    if ledger.version(target).state in LIVE:
        summary, undo = _texts_of_rollback(ledger, target)
        return (_record(transitions.rolled_back(ledger, target), "rollback", summary, undo),)

    return _start_again_and_roll_back(ledger, facts, target)


def retire(ledger: Ledger, name: str, force: bool = False, rollback_target: bool = False) -> Plan:
    """Stop a version that has no traffic and is no rollback target.

    rollback_target: it stays one without a process; `rollback` starts it again first
    """
    version = ledger.version(name)
    if version.state == State.RETIRED:
        return ()

    retired = ledger.with_event(name, Event.RETIRE)
    is_target = name == ledger.rollback_target()
    if rollback_target:
        article, undo = ("the", "rollback") if is_target else ("a", f"deploy {name}")
        summary = f"{name} stopped, and stays {article} rollback target"
        return (_record(retired, "retire", summary, undo), *_ends_of(version))

    if is_target and not force:
        raise IllegalEvent(
            f"{name} is the rollback target: with --force it goes, and `rollback` loses it"
        )

    gone = replace(retired, released_before=ledger.targets_without(name))
    return (_record(gone, "retire", f"{name} retired", f"deploy {name}"), *_ends_of(version))


def advance(ledger: Ledger, now: float) -> RecordRevision | None:
    """The next step of a rollout that follows the clock alone, once it is due; the routers'
    controller asks each second.

    One that is judged moves by rollout/decide/reconcile.py.
    """
    rollout = ledger.rollout
    if rollout is None or rollout.policy is not None:
        return None

    due = rollout.due_at()
    if due is None or now < due:
        return None
    return step_of(ledger, now)


def step_of(ledger: Ledger, now: float) -> RecordRevision:
    """The next step of the rollout in progress, whoever takes it."""
    return _weighed(transitions.stepped(ledger, now), "step", ledger.running())


def begin_queued(ledger: Ledger, now: float) -> RecordRevision | None:
    """Begin the rollout that waited, once nothing else is rolled out; one whose candidate is
    released or retired by then, or that would copy requests to a version with side effects, is
    dropped.
    """
    queued = ledger.queued
    if queued is None or ledger.rollout is not None:
        return None

    free = replace(ledger, queued=None)
    candidate, stable = ledger.versions.get(queued.candidate), ledger.released
    gone = candidate is None or candidate.state not in LIVE
    if gone or stable is None or stable == queued.candidate:
        summary = f"{_named(queued)} dropped: it is released or gone"
        return _record(free, "abort", summary, command_of(queued, ledger))

    row = strategy(queued.strategy)
    try:
        policy = _judged_by(free, row, queued.candidate, queued.policy)
    except IllegalEvent as refused:
        summary = f"{_named(queued)} dropped: {refused}"
        return _record(free, "abort", summary, command_of(queued, ledger))

    plan = transitions.planned(free, row, queued.candidate, stable, queued.steps, policy)
    rollout = replace(plan, step_since=now, started_at=now, started_by=queued.started_by)
    return _weighed(transitions.weighed(transitions.begun(free, rollout)), row.name, rollout)


def _queued(ledger: Ledger, rollout: Rollout) -> RecordRevision:
    if ledger.queued is not None and ledger.queued.candidate != rollout.candidate:
        raise RolloutInProgress(
            f"{_named(ledger.queued)} waits already: `{COMMAND} abort` until it is gone"
        )

    summary = f"{_named(rollout)} begins when the {_named(ledger.running())} has ended"
    return _record(replace(ledger, queued=rollout), "queue", summary, "abort")


def _weighed(after: Ledger, act: str, rollout: Rollout) -> RecordRevision:
    candidate = rollout.candidate
    if after.rollout is None:
        return _record(after, act, f"{candidate} released", "rollback")

    summary = f"{candidate} answers {after.weight(candidate) / 100:g} %"
    return _record(after, act, summary, "rollback")


def _start_again_and_roll_back(ledger: Ledger, facts: Facts, target: str) -> Plan:
    failed = ledger.released_version()
    after = transitions.rolled_back(_replaced(ledger, facts, target), target)
    ends: Plan = ()
    if failed is not None:
        after = after.with_event(failed.name, Event.RETIRE)
        ends = _ends_of(failed)

    summary, undo = _texts_of_rollback(ledger, target)
    record = _record(after, "rollback", summary, undo)
    return (*_bring_up(target, facts.program), record, *ends)


def _no_rollback_target(ledger: Ledger) -> str:
    others = [version.name for version in ledger.live() if version.name != ledger.released]
    promote = ""
    if others:
        promote = f": `{COMMAND} promote VERSION` for one that runs ({', '.join(others)})"

    return (
        "nothing to roll back to: no rollout is in progress, and the only earlier release was "
        f"already rolled back{promote}"
    )


def _texts_of_rollback(ledger: Ledger, target: str) -> tuple[str, str]:
    """What a rollback comes to, and what undoes it."""
    live = ledger.released is not None and ledger.version(target).state in LIVE
    undo = "promote" if live else "release-in-place"
    return f"from {ledger.released} to {target}", f"{undo} {ledger.released}"


def _undo_of_release(ledger: Ledger) -> str:
    if ledger.released:
        return "rollback"
    return ""


def _replaced(ledger: Ledger, facts: Facts, name: str) -> Ledger:
    """The ledger in which `name` is a new process; a version already released stays released."""
    known = ledger.versions.get(name)
    if known is not None and known.state in LIVE:
        _refuse_other_content(known, facts)

    fresh = _fresh(facts, name)
    if ledger.released == name:
        fresh = replace(fresh, state=State.RELEASED)

    return transitions.calmed(ledger).with_version(fresh)


def _ends_of_replaced(ledger: Ledger, names: Collection[str | None], fresh: str) -> Plan:
    """The ends of the processes of these versions that the new program replaces."""
    ends: Plan = ()
    for version in ledger.live():
        if version.name in names and version.program != fresh:
            ends += _ends_of(version)

    return ends


def _ends_of(version: Version) -> Plan:
    return (DrainVersion(version.name, version.program), Stop(version.program))


def _refuse_other_content(known: Version, facts: Facts) -> None:
    if known.digest != facts.digest:
        raise IllegalEvent(
            f"{known.name} runs with other content (manifest {known.digest[:12]}, delivered "
            f"{facts.digest[:12]}): versions are immutable, deliver a new one"
        )


def _stable(ledger: Ledger, candidate: str) -> str:
    if ledger.released is None:
        raise NothingToDo(
            f"no version is released yet: `{COMMAND} promote {candidate}` makes the first one "
            f"responsible"
        )

    if ledger.released == candidate:
        raise NothingToDo(f"{candidate} is released already: all production traffic is its own")

    return ledger.released


def _judged_by(ledger: Ledger, row: Strategy, name: str, policy: Policy | None) -> Policy | None:
    """The policy as far as the versions' side effects let it judge; raises IllegalEvent."""
    if policy is None:
        # Copies of a shadow that nobody judges go to the candidate alone.
        refuse_copies(row, versions_with_side_effects(ledger, [name]), auto=False)
        return None

    names = (name, _stable(ledger, name))
    return judged_by_draws(policy, row, versions_with_side_effects(ledger, names))


def _refuse_unless_ready(ledger: Ledger, facts: Facts, name: str) -> None:
    version = ledger.version(name)
    if version.state not in LIVE:
        raise NotReady(f"{name} is {version.state}: `{COMMAND} deploy {name}` first")

    if facts.answers_golden_rows is not True:
        raise NotReady(
            f"{name} has not answered its golden rows ({facts.not_ready_because}): see `{COMMAND} "
            f"status`"
        )


def _refuse_to_begin_anew(ledger: Ledger, name: str, how: str) -> None:
    """Refuse to begin a judged rollout again: its evidence would be lost. A rollout after a shadow
    is another test.
    """
    rollout = ledger.rollout
    if rollout is None or rollout.candidate != name or rollout.policy is None:
        return
    if strategy(rollout.strategy).shadows and not strategy(how).shadows:
        return

    raise RolloutInProgress(
        f"a {_named(rollout)} runs by itself since revision {rollout.number}, and begun again it "
        f"would lose its evidence: `{COMMAND} promote {name}` releases {name}, "
        f"`{COMMAND} abort` ends the {rollout.strategy}"
    )


def _bring_up(name: str, program: str) -> Plan:
    return (Start(name, program), WaitReady(name, program), WarmUp(name, program))


def _fresh(facts: Facts, name: str) -> Version:
    ran = (facts.address, facts.program, facts.digest, facts.runtime, facts.now)
    answers = (facts.task, facts.classes, facts.output)
    return Version(name, State.DEPLOYED, *ran, *answers, facts.side_effects, facts.segments)


def _record(ledger: Ledger, act: str, summary: str, undo: str) -> RecordRevision:
    command = "none: nothing was released before"
    if undo:
        command = f"{COMMAND} {undo}"

    return RecordRevision(ledger.next(), act, summary, command)


def _named(rollout: Rollout) -> str:
    return f"{rollout.strategy} of {rollout.candidate}"
