"""Each acting verb as an Act: which facts it needs, which decision of the core it is, what it shows first."""

from deployment import observations
from deployment.acts import Act
from deployment.config import Place
from deployment.rollouts import BadOption, canary_steps, in_place_lines, plan_lines, ramp_steps
from rollout import plan
from rollout.ledger import Step
from rollout.settings import is_name
from rollout.split import ALL, basis_points

# A rollback is tried until it wins; its rivals are single inserts, so few rounds are ever needed.
ROLLBACK_ATTEMPTS = 50
DEPLOY_ATTEMPTS = 10


def deploy(place: Place, name: str) -> Act:
    """Start and prove a version without traffic. It competes with no other act, so a lost insert is tried again."""
    require_name(name)
    return Act(
        "deploy",
        lambda ledger: observations.of_next(place, ledger, name),
        lambda ledger, facts: plan.deploy(ledger, facts, name),
        f"{name} is deployed already",
        attempts=DEPLOY_ATTEMPTS,
    )


def start(place: Place, name: str, how: str, steps: tuple[Step, ...] = (), share: int = ALL) -> Act:
    """Begin a rollout by one of the strategies."""
    require_name(name)
    return Act(
        how,
        lambda ledger: observations.of_running(place, ledger, name),
        lambda ledger, facts: plan.start(ledger, facts, name, how, steps, share),
        f"{how} of {name} goes on",
        preview=lambda ledger: plan_lines(ledger, how, name, steps, share),
    )


def canary(place: Place, name: str, steps: str, every: str | None) -> Act:
    """A canary by the steps of `5,25,50`."""
    return start(place, name, "canary", canary_steps(steps, every))


def ramp(place: Place, name: str, over: str, count: int) -> Act:
    """A ramp that the routers' conductor takes to its end."""
    return start(place, name, "ramp", ramp_steps(over, count))


def ab(place: Place, name: str, percent: float) -> Act:
    """Fixed shares, until a person decides."""
    return start(place, name, "ab", (Step(basis_points(percent)),))


def shadow(place: Place, name: str, percent: float) -> Act:
    """Copies of that share of the traffic."""
    return start(place, name, "shadow", share=basis_points(percent))


def release_in_place(place: Place, name: str) -> Act:
    """Replace the released version's process."""
    require_name(name)
    return Act(
        "release-in-place",
        lambda ledger: observations.of_next(place, ledger, name),
        lambda ledger, facts: plan.release_in_place(ledger, facts, name),
        f"{name} is released already",
        preview=lambda ledger: in_place_lines(ledger, name),
    )


def promote(place: Place, name: str, step: bool = False) -> Act:
    """Release a version, or take the next step of its rollout."""
    require_name(name)
    decide = plan.promote_step if step else plan.promote
    return Act(
        "promote",
        lambda ledger: observations.of_running(place, ledger, name),
        lambda ledger, facts: decide(ledger, facts, name),
        f"{name} is released already",
    )


def rollback(place: Place) -> Act:
    """Traffic back. Nothing is asked first, and a lost insert is tried again until it wins."""
    return Act(
        "rollback",
        lambda ledger: observations.of_return(place, ledger),
        plan.rollback,
        "nothing to go back to",
        attempts=ROLLBACK_ATTEMPTS,
    )


def pause(place: Place) -> Act:
    """Hold the rollout."""
    return Act("pause", lambda _: observations.plain(place), plan.pause, "it is paused already")


def resume(place: Place) -> Act:
    """Let the rollout go on."""
    return Act("resume", lambda _: observations.plain(place), plan.resume, "it is not paused")


def abort(place: Place) -> Act:
    """End the rollout."""
    return Act("abort", lambda _: observations.plain(place), lambda ledger, _: plan.abort(ledger), "nothing to abort")


def retire(place: Place, name: str, force: bool = False) -> Act:
    """Stop a version without traffic."""
    return Act(
        "retire",
        lambda _: observations.plain(place),
        lambda ledger, _: plan.retire(ledger, name, force),
        f"{name} is retired already",
    )


def require_name(name: str) -> None:
    """Raise BadOption unless `name` may name a version."""
    if not name or not is_name(name):
        raise BadOption(f"'{name}' is no version: letters, digits, '-', '_' and '.', at most 64")
