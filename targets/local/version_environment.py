"""The environment of a version's process: the stack's own, or one that holds what its bundle pins.

A version served by ONNX needs nothing but what the stack has.
"""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from deployment.workspace.bundles import (
    Release,
    check_seal,
    delivered,
    read_release,
    read_sealed,
    served_by,
)
from deployment.workspace.errors import CannotStart, EdgeFailure
from deployment.workspace.state_dir import conf_folder, environments_folder
from deployment.workspace.workspace import Workspace
from environments.environment_store import Built, EnvironmentStore
from environments.errors import EnvironmentFailure
from environments.installed_packages import differences, markers_here
from environments.lockfile import locked
from environments.model_needs import ModelNeeds, needs_of_older
from environments.pins_file import pins
from environments.specification import Specification, check_pins, predicting_files, serving
from service.bundle_files import PICKLE
from targets.base import Say

ENVIRONMENT = "environment.yaml"
SHOWN = 4


@dataclass(frozen=True)
class OwnEnvironment:
    """What a version needs that the stack does not have.

    differences: by package, what the stack has instead, None where it has nothing
    needs: version by package
    """

    version: str
    specification: Specification
    differences: dict[str, str | None]
    needs: dict[str, str]

    @property
    def because(self) -> str:
        """Which packages make it necessary, in words."""
        parts = []
        for name, here in list(self.differences.items())[:SHOWN]:
            instead = "not installed here" if here is None else f"{here} here"
            parts.append(f"{name} {self.needs[name]} ({instead})")

        more = len(self.differences) - SHOWN
        if more > 0:
            parts.append(f"{more} more")
        return ", ".join(parts)


def store_of(workspace: Workspace) -> EnvironmentStore:
    """The environments of a state folder."""
    return EnvironmentStore(environments_folder(workspace))


def own_environment(
    workspace: Workspace, release: Release, specified: Callable[..., Specification] = serving
) -> OwnEnvironment | None:
    """The environment that a version needs beside the stack's; None where the stack's fits.

    specified: what else it holds, by what its process does.
    Raises EdgeFailure, ContractBroken where what it needs cannot be read.
    """
    if served_by(release, workspace.settings.deployment.runtime) != "sklearn":
        return None

    # Before anything of the bundle is believed.
    check_seal(release, workspace.public_key)
    try:
        needs = _needs(workspace, release)
        missing = differences(needs.versions)
        if not missing:
            return None

        lock = locked(workspace.root / "requirements.txt", markers_here())
        specification = specified(needs.versions, needs.others, lock, release.name)
    except EnvironmentFailure as error:
        raise EdgeFailure(str(error)) from error

    return OwnEnvironment(release.name, specification, missing, dict(needs.versions))


def environment_bin(workspace: Workspace, release: Release, say: Say) -> Path | None:
    """The folder of a version's python and gunicorn, built where there is none yet.

    None where the stack's environment serves it. Raises CannotStart where it cannot be built.
    """
    own = own_environment(workspace, release)
    if own is None:
        return None
    return build(workspace, own, say).bin


def build(workspace: Workspace, own: OwnEnvironment, say: Say) -> Built:
    """Its environment; says what it waits for. Raises CannotStart."""
    store = store_of(workspace)
    environment = store.find(own.specification)
    if environment is not None:
        return environment

    say(f"{own.version} needs {own.because}: building an environment of its own")
    try:
        return store.built(own.specification, say)
    except EnvironmentFailure as error:
        raise CannotStart(
            f"the environment of {own.version} cannot be built: {error}. What runs goes on"
        ) from error


@contextmanager
def batch_interpreter(workspace: Workspace, release: Release, say: Say) -> Iterator[str]:
    """The Python in which a version predicts files, which is not deleted meanwhile.

    Raises CannotStart where its environment cannot be built.
    """
    own = own_environment(workspace, release, predicting_files)
    if own is None:
        yield sys.executable
        return

    build(workspace, own, say)
    with store_of(workspace).in_use(own.specification, say) as environment:
        yield str(environment.python)


def unneeded(workspace: Workspace) -> dict[str, float]:
    """Environments that no delivered version needs and no program runs in: megabytes by digest.

    There are none where a bundle cannot be read, since that one may need any of them.
    """
    store = store_of(workspace)
    environments = store.environments()
    if not environments:
        return {}

    try:
        needed = _needed(workspace)
    except EdgeFailure:
        return {}

    programs = _program_files(workspace)
    spare = {}
    for digest, environment in environments.items():
        runs = f"/{store.folder.name}/{digest}/" in programs
        if digest not in needed and not runs:
            spare[digest] = environment.megabytes

    return spare


def _needed(workspace: Workspace) -> set[str]:
    needed = set()
    for name in delivered(workspace.releases):
        own = own_environment(workspace, read_release(workspace.releases, name))
        if own is not None:
            needed.add(own.specification.digest)

    return needed


def _program_files(workspace: Workspace) -> str:
    """The supervisor's files of all programs: a running version's bundle may be gone."""
    return "".join(path.read_text() for path in conf_folder(workspace).glob("*.conf"))


def _needs(workspace: Workspace, release: Release) -> ModelNeeds:
    if release.requirements:
        check_pins(release.requirements, release.name)
        return ModelNeeds(release.requirements)

    files = release.manifest.get("files", {})
    if ENVIRONMENT not in files or PICKLE not in files:
        return ModelNeeds({})

    lock = locked(workspace.root / "requirements.txt", markers_here())
    trained = pins(read_sealed(release, ENVIRONMENT).decode(), lock.keys(), release.name)
    code = [read_sealed(release, name) for name in files if _is_code(name)]
    return needs_of_older(trained, read_sealed(release, PICKLE), code, release.frame_dtypes)


def _is_code(name: str) -> bool:
    return name.startswith("code.") and name.endswith(".py")
