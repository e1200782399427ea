"""What a rollout may do where a prediction changes something: a request is sent to one version
only, and never copied for a comparison.

Then the draws of the router's coin are the only evidence: no pairs, no batches asked of both, no
question to the other version after a failure, no rehearsal of the load."""

from collections.abc import Iterable

from rollout.errors import IllegalEvent
from rollout.state.ledger import Ledger
from rollout.state.policy import Policy
from rollout.state.strategy import Strategy

COMMAND = "python deploy.py"


def versions_with_side_effects(ledger: Ledger, names: Iterable[str]) -> list[str]:
    """Those of these versions whose predictions change something, as their bundles say."""
    acting = []
    for name in names:
        version = ledger.versions.get(name)
        if version is not None and version.side_effects:
            acting.append(name)

    return acting


def judged_by_draws(policy: Policy, row: Strategy, acting: list[str]) -> Policy:
    """The policy without what needs copies, where some of the rollout's versions have side effects.

    acting: their names. Raises IllegalEvent where the strategy compares copies alone."""
    refuse_copies(row, acting, auto=True)
    if not acting:
        return policy

    return policy.by_draws_only(f"predictions of {' and '.join(acting)} have side effects")


def refuse_copies(row: Strategy, acting: list[str], auto: bool) -> None:
    """Raise IllegalEvent where the strategy would copy requests to versions with side effects.

    acting: their names; auto: the controller judges the rollout."""
    if acting and (row.shadows or (auto and row.watches)):
        raise IllegalEvent(_refusal(row, acting, auto))


def _refusal(row: Strategy, acting: list[str], auto: bool) -> str:
    how = row.name
    if auto:
        how += " --auto"

    otherwise = f"`{COMMAND} canary VERSION --auto` draws one version for each"
    if not row.shadows:
        otherwise += f", `{COMMAND} {row.name} VERSION` switches without a comparison"

    return (
        f"predictions of {' and '.join(acting)} have side effects, and a {how} copies users' "
        f"requests to compare both versions: {otherwise}"
    )
