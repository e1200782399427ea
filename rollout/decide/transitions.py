"""How a ledger changes when traffic moves: ledger in, ledger out. decisions.py decides which move
is allowed.
"""

from collections.abc import Sequence
from dataclasses import replace

from rollout.errors import BadWeight
from rollout.state.ledger import Ledger, Rollout, Step
from rollout.state.policy import Policy
from rollout.state.split import ALL, all_to, check_weights
from rollout.state.strategy import Strategy, strategy
from rollout.state.version_state import Event, State


def calmed(ledger: Ledger) -> Ledger:
    """Every shadowing or serving version back to deployed, and no rollout."""
    for version in ledger.versions.values():
        if version.state in (State.SHADOWING, State.SERVING):
            ledger = ledger.with_event(version.name, Event.WITHDRAW)
    return replace(ledger, rollout=None)


def released(ledger: Ledger, name: str) -> Ledger:
    """`name` answers everybody; the version released before it is the rollback target."""
    calm = calmed(ledger)
    before = calm.released
    stack = calm.targets_without(name, before)
    if before is not None and before != name:
        calm = calm.with_event(before, Event.WITHDRAW)
        stack = (*stack, before)

    kept = replace(
        _all_to(calm, name),
        released=name,
        released_before=stack,
        last=_last(ledger, name),
        flagged=False,
    )
    return kept.with_event(name, Event.RELEASE)


def _last(ledger: Ledger, released_now: str) -> Rollout | None:
    """The rollout that this release ends, where it was judged: its late labels still count."""
    rollout = ledger.rollout
    if rollout is not None and rollout.policy and rollout.candidate == released_now:
        return rollout
    return None


def rolled_back(ledger: Ledger, target: str) -> Ledger:
    """`target`, the newest rollback target, answers everybody again and is taken from the stack."""
    calm = calmed(ledger)
    if calm.released is not None:
        calm = calm.with_event(calm.released, Event.WITHDRAW)

    stack = calm.targets_without(target)
    back = replace(
        _all_to(calm, target), released=target, released_before=stack, last=None, flagged=False
    )
    return back.with_event(target, Event.RELEASE)


def ended(ledger: Ledger, rollout: Rollout) -> Ledger:
    """The rollout is over: all traffic to its stable version, the candidate stays deployed."""
    return _all_to(calmed(ledger), rollout.stable)


def begun(ledger: Ledger, rollout: Rollout) -> Ledger:
    """The rollout has started under its own salt; its candidate has no traffic yet."""
    return replace(calmed(ledger), rollout=rollout, split=all_to(rollout.stable, salt=rollout.id))


def shadowed(ledger: Ledger, candidate: str, share: int) -> Ledger:
    """`share` basis points of the requests are copied to the candidate; raises BadWeight for 0."""
    if ledger.split is None or share == 0:
        raise BadWeight(f"a shadow of 0 % would compare nothing: give {candidate} a share above 0")
    split = ledger.split.shadowed({candidate: share})
    return replace(ledger, split=split).with_event(candidate, Event.SHADOW)


def weighed(ledger: Ledger) -> Ledger:
    """The candidate has the weight of the rollout's present step; all traffic as the last step is a
    release.
    """
    rollout = ledger.running()
    weight = rollout.steps[rollout.step].weight
    if weight == ALL and rollout.step == len(rollout.steps) - 1 and not watched(rollout):
        return released(ledger, rollout.candidate)

    weights = {rollout.stable: ALL - weight, rollout.candidate: weight}
    check_weights(weights)
    split = (ledger.split or all_to(rollout.stable, rollout.id)).reweighted(weights)
    if watched(rollout):
        # No request is drawn any more, so the old version is asked again what the new one answered.
        split = split.shadowed({rollout.stable: ALL})

    return replace(ledger, split=split).with_event(rollout.candidate, Event.SERVE)


def watched(rollout: Rollout) -> bool:
    """Whether the candidate has all traffic while the old version keeps running."""
    return rollout.policy is not None and strategy(rollout.strategy).watches


def stepped(ledger: Ledger, now: float) -> Ledger:
    """The rollout one step further; past its last step the candidate is released."""
    rollout = ledger.running()
    if rollout.step + 1 >= len(rollout.steps):
        return released(ledger, rollout.candidate)

    following = replace(
        rollout, step=rollout.step + 1, step_since=now, held_s=0.0, paused=False, held=()
    )
    return weighed(replace(ledger, rollout=following))


def chosen_steps(row: Strategy, steps: Sequence[Step]) -> tuple[Step, ...]:
    """These steps, or the strategy's own; raises BadWeight unless their weights are shares that
    grow from above 0.
    """
    chosen = tuple(steps) or tuple(Step(weight) for weight in row.steps)
    weights = [step.weight for step in chosen]
    if not _grow(weights):
        shown = ", ".join(f"{weight / 100:g} %" for weight in weights)
        raise BadWeight(
            f"the steps of a {row.name} must grow from above 0 % to at most 100 %: {shown}"
        )

    return chosen


def _grow(weights: list[int]) -> bool:
    """Whether these are shares from above 0 to at most all traffic, each larger than the one
    before.
    """
    if not weights:
        return True
    return weights == sorted(set(weights)) and weights[0] > 0 and weights[-1] <= ALL


def planned(
    ledger: Ledger,
    row: Strategy,
    candidate: str,
    stable: str,
    steps: tuple[Step, ...],
    policy: Policy | None,
) -> Rollout:
    """The rollout as the ledger will have it, not started."""
    identity = f"{ledger.model}:{row.name}:{candidate}:{ledger.revision + 1}"
    return Rollout(identity, row.name, candidate, stable, steps, 0, 0.0, 0.0, "", policy=policy)


def _all_to(ledger: Ledger, name: str) -> Ledger:
    salt = f"{ledger.model}:{name}"
    if ledger.split:
        salt = ledger.split.salt

    return replace(ledger, split=all_to(name, salt))
