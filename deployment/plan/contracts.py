"""The contract of a version with users: its manifest compared with the released version's."""

from deployment.workspace.bundles import Release, read_release
from deployment.workspace.errors import ContractBroken, EdgeFailure
from deployment.workspace.workspace import Workspace
from rollout.state.contract import Contract, compare, unknown
from rollout.state.ledger import Ledger


def contract_with_users(workspace: Workspace, ledger: Ledger, name: str) -> Contract | None:
    """How a delivered version differs from the released one; None if nothing else is released.

    Breaking where the released version's manifest cannot be read. Raises EdgeFailure,
    ContractBroken where the manifest of `name` cannot be read."""
    stable = ledger.released
    if stable is None or stable == name:
        return None

    candidate = read_release(workspace.releases, name)
    try:
        released = _released(workspace, ledger, stable)
    except EdgeFailure as error:
        return unknown(name, stable, str(error))

    return compare(name, candidate.manifest, stable, released.manifest)


def contract_at_stake(workspace: Workspace, ledger: Ledger, name: str) -> Contract | None:
    """The same for an act that gives traffic; None for the rollback target, never refused."""
    if name == ledger.rollback_target():
        return None
    return contract_with_users(workspace, ledger, name)


def _released(workspace: Workspace, ledger: Ledger, stable: str) -> Release:
    release = read_release(workspace.releases, stable)
    if release.digest != ledger.version(stable).digest:
        raise ContractBroken(
            f"{release.path / 'release.yaml'} is not what was released: restore it"
        )

    return release
