"""The command that would begin a rollout anew, with the options that make it the same rollout."""

from rollout.state.ledger import Ledger, Rollout, Step
from rollout.state.split import ALL
from rollout.state.strategy import Strategy, strategy

RAMP_S = 600.0
"""How long `ramp` takes unless an option says otherwise."""


def command_of(rollout: Rollout, ledger: Ledger) -> str:
    """Verb and options of a rollout.

    ledger: the one in which it is in progress or queued; the share of a shadow is only there. What
    the verb does by itself is left out, except what comes from deploy.toml, which may change.
    """
    row = strategy(rollout.strategy)
    words = [row.name, rollout.candidate, *_shares(row, rollout, ledger)]
    if rollout.policy is not None:
        words.append("--auto")

    return " ".join(words)


def _shares(row: Strategy, rollout: Rollout, ledger: Ledger) -> list[str]:
    if row.shadows:
        return _percent(_copied_share(rollout, ledger), ALL)
    if row.name == "ab":
        return _percent(rollout.steps[0].weight, row.steps[0])
    if row.by_time:
        return _ramp(row, rollout.steps)
    if row.ends == "proof":
        return _canary(row, rollout)
    return []


def _copied_share(rollout: Rollout, ledger: Ledger) -> int:
    if ledger.split is None:
        return ALL
    return dict(ledger.split.shadows).get(rollout.candidate, ALL)


def _percent(share: int, usual: int) -> list[str]:
    if share == usual:
        return []
    return ["--percent", f"{share / 100:g}"]


def _canary(row: Strategy, rollout: Rollout) -> list[str]:
    words = []
    weights = tuple(step.weight for step in rollout.steps)
    if rollout.policy is not None or weights != row.steps:
        words += ["--steps", ",".join(f"{weight / 100:g}" for weight in weights)]

    if len(rollout.steps) > 1 and rollout.steps[0].hold_s:
        words += ["--every", f"{rollout.steps[0].hold_s:.10g}s"]

    return words


def _ramp(row: Strategy, steps: tuple[Step, ...]) -> list[str]:
    words = []
    over_s = sum(step.hold_s or 0.0 for step in steps)
    if over_s and abs(over_s - RAMP_S) > 1e-6:
        words += ["--over", f"{over_s:.10g}s"]

    if len(steps) != len(row.steps):
        words += ["--steps", str(len(steps))]

    return words
