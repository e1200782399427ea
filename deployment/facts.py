"""Gathers the facts that an act is decided on: time, bundle, golden answers of a running version.

A rollback needs only the time, and must not wait for the import of the rest.
"""

import time
from dataclasses import replace

from deployment.workspace.workspace import Workspace
from rollout.decide.decisions import Facts
from rollout.state.ledger import Ledger
from rollout.state.version_state import LIVE

PROBE_S = 10.0


def plain(workspace: Workspace) -> Facts:
    """The time and the actor: all that an act on the ledger alone needs."""
    return Facts(now=time.time(), actor=workspace.actor)


def of_running(workspace: Workspace, ledger: Ledger, name: str) -> Facts:
    """Whether the running process of a version gives its golden answers now."""
    from deployment.readiness import NotAnswering, ask_once, probe_of
    from deployment.workspace.bundles import read_release
    from deployment.workspace.errors import EdgeFailure
    from deployment.workspace.secrets import read_secrets

    facts = plain(workspace)
    version = ledger.versions.get(name)
    if version is None or version.state not in LIVE:
        return facts

    try:
        release = read_release(workspace.releases, name)
        if release.digest != version.digest:
            return replace(
                facts,
                answers_golden_rows=False,
                not_ready_because="its bundle was changed after its start",
            )
        ask_once(probe_of(release, version.address, read_secrets(workspace).service), PROBE_S)
    except (NotAnswering, EdgeFailure) as error:
        return replace(facts, answers_golden_rows=False, not_ready_because=str(error))

    return replace(facts, answers_golden_rows=True)


def of_next(workspace: Workspace, ledger: Ledger, name: str) -> Facts:
    """The verified bundle of a version and the process it would get.

    Raises EdgeFailure, ContractBroken.
    """
    from deployment.workspace.bundles import check_belongs, check_seal, read_release, served_by
    from targets.registry import open_target

    release = read_release(workspace.releases, name)
    check_seal(release, workspace.public_key)
    check_belongs(release, workspace.settings.model)
    answers = release.answers
    with open_target(workspace) as target:
        program, address = target.home(ledger, name)

    return replace(
        plain(workspace),
        digest=release.digest,
        runtime=served_by(release, workspace.settings.deployment.runtime),
        program=program,
        address=address,
        task=answers.task,
        classes=answers.classes,
        output=release.output,
        side_effects=release.side_effects,
        segments=release.segments,
    )


def of_return(workspace: Workspace, ledger: Ledger) -> Facts:
    """What a rollback needs: the time, unless its target has to be started again."""
    version = ledger.versions.get(ledger.rollback_target() or "")
    if version is not None and version.state not in LIVE:
        return of_next(workspace, ledger, version.name)
    return plain(workspace)
