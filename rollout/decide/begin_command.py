"""The command that would begin a rollout anew, with the options that make it the same rollout."""

from rollout.state.ledger import Ledger, Rollout, Step
from rollout.state.split import ALL
from rollout.state.strategy import Strategy, strategy

RAMP_S = 600.0
"""How long `ramp` takes unless told otherwise."""


def command_of(rollout: Rollout, ledger: Ledger) -> str:
    """Verb and options. ledger: in which it is under way or waits; a shadow's share is only there.

    What the verb does by itself is left out, unless deploy.toml, which may change, says it.
    """
    row = strategy(rollout.strategy)
    judged = rollout.policy is not None
    words = [row.name, rollout.candidate, *_shares(row, rollout, ledger, judged)]
    return " ".join([*words, "--auto"] if judged else words)


def _shares(row: Strategy, rollout: Rollout, ledger: Ledger, judged: bool) -> list[str]:
    if row.shadows:
        share = dict(ledger.split.shadows).get(rollout.candidate, ALL) if ledger.split else ALL
        return _percent(share, ALL)

    if row.name == "ab":
        return _percent(rollout.steps[0].weight, row.steps[0])
    if row.by_time:
        return _ramp(row, rollout.steps)
    if row.ends != "proof":
        return []

    weights = tuple(step.weight for step in rollout.steps)
    hold_s = rollout.steps[0].hold_s if len(rollout.steps) > 1 else None
    steps = (
        []
        if weights == row.steps and not judged
        else ["--steps", ",".join(f"{each / 100:g}" for each in weights)]
    )
    return [*steps, *(["--every", f"{hold_s:.10g}s"] if hold_s else [])]


def _percent(share: int, usual: int) -> list[str]:
    if share == usual:
        return []
    return ["--percent", f"{share / 100:g}"]


def _ramp(row: Strategy, steps: tuple[Step, ...]) -> list[str]:
    over_s = sum(step.hold_s or 0.0 for step in steps)
    count = [] if len(steps) == len(row.steps) else ["--steps", str(len(steps))]
    return [
        *(["--over", f"{over_s:.10g}s"] if over_s and abs(over_s - RAMP_S) > 1e-6 else []),
        *count,
    ]
