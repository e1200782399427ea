"""What is sent for each app: the code and files that its one process needs, and no more.

Each source has exactly one dependency file, a `.python-version` and a Procfile. The bundle lies at
the same place whatever its version, so that config vars need no change when a slug does."""

from collections.abc import Iterator
from pathlib import Path

from deployment.workspace.bundles import Release, sealed_files, served_by
from deployment.workspace.errors import Misconfigured
from deployment.workspace.workspace import Workspace
from environments.errors import EnvironmentFailure
from environments.lockfile import Pin, locked
from environments.model_needs import roots_of_older
from environments.pins_file import pins
from environments.sluice_packages import DYNO_FILES, ROUTER, RUNTIMES, SERVICE, TRACES
from environments.specification import check_pins
from targets.heroku.build.requirements import (
    Needs,
    marks_of,
    python_of,
    requirements_txt,
)
from targets.heroku.build.tarball import Tarball, folder_files, tarball
from targets.heroku.errors import HerokuFailure
from targets.procfile import written

BUNDLE = "bundle"
PUBLIC_KEY = "keys/sluice.pub"
PROOF = "python -m service.proof.self_test"
CODE = (".py", ".html", ".js", ".css", ".svg", ".txt")


def version_slug(workspace: Workspace, release: Release) -> Tarball:
    """The source of a version's app: service/, wire/ and its bundle.

    Its release command proves the golden rows. Where apps predict files it has batch/ too.
    A version served by ONNX has neither scikit-learn nor pandas in it. Raises ContractBroken where
    the bundle's seal does not hold, HerokuFailure naming a package that cannot be installed there.
    """
    # The bytes that were checked are those that are sent.
    bundle = dict(sealed_files(release, workspace.public_key))
    python = python_of(str(release.manifest.get("python", "")), release.name)
    files = {
        **folder_files(workspace.root / "service", "service", CODE),
        **folder_files(workspace.root / "wire", "wire", CODE),
        **{f"{BUNDLE}/{name}": content for name, content in bundle.items()},
        PUBLIC_KEY: workspace.public_key.read_bytes(),
        "requirements.txt": _version_requirements(workspace, release, bundle, python).encode(),
        ".python-version": f"{python}\n".encode(),
        "Procfile": f"web: {written(workspace.procfile, 'service')}\nrelease: {PROOF}\n".encode(),
    }
    if workspace.settings.heroku.predicts_files:
        files |= folder_files(workspace.root / "batch", "batch", CODE)

    return tarball(release.name, files)


def router_slug(workspace: Workspace) -> Tarball:
    """The source of the router's app: router/, rollout/, store/, wire/ and deploy.toml.

    Raises Misconfigured, HerokuFailure.
    """
    python = python_of(_read(workspace.root / ".python-version").decode(), "the router")
    needs = Needs((*ROUTER, *_trace_packages(workspace)), {}, python)
    lock = _lock(workspace, python)
    files = {
        "deploy.toml": _read(workspace.config),
        "requirements.txt": requirements_txt(needs, lock, "the router").encode(),
        ".python-version": f"{python}\n".encode(),
        "Procfile": f"web: {written(workspace.procfile, 'router')}\n".encode(),
    }
    for room in ("router", "rollout", "store", "wire"):
        files |= folder_files(workspace.root / room, room, CODE)

    return tarball("router", files)


def _version_requirements(
    workspace: Workspace, release: Release, bundle: dict[str, bytes], python: str
) -> str:
    lock = _lock(workspace, python)
    if "environment.yaml" not in bundle:
        raise HerokuFailure(f"{release.path} has no environment.yaml: deliver {release.name} again")

    try:
        trained = pins(bundle["environment.yaml"].decode(), lock.keys(), release.name)
        check_pins(release.requirements, release.name)
    except EnvironmentFailure as error:
        raise HerokuFailure(str(error)) from error

    runtime = served_by(release, workspace.settings.deployment.runtime)
    own = [*SERVICE, *_trace_packages(workspace)]
    if workspace.settings.heroku.predicts_files:
        own += DYNO_FILES

    roots = [*own, *RUNTIMES[runtime]]
    if runtime != "sklearn":
        return requirements_txt(Needs(tuple(roots), trained, python), lock, release.name)

    if release.requirements:
        needs = Needs(tuple(own), trained, python, release.requirements)
        return requirements_txt(needs, lock, release.name)

    # Of an older bundle, estimators of other packages are found by the modules that the pickle
    # names.
    needed = roots_of_older(trained, bundle["model.pkl"], _code(bundle), release.frame_dtypes)
    roots += sorted(needed.difference(roots))
    return requirements_txt(Needs(tuple(roots), trained, python), lock, release.name)


def _trace_packages(workspace: Workspace) -> tuple[str, ...]:
    """What spans need, where they are asked for."""
    if workspace.settings.traces.endpoint:
        return TRACES
    return ()


def _lock(workspace: Workspace, python: str) -> dict[str, Pin]:
    try:
        return locked(workspace.root / "requirements.txt", marks_of(python))
    except EnvironmentFailure as error:
        raise HerokuFailure(str(error)) from error


def _code(bundle: dict[str, bytes]) -> Iterator[bytes]:
    """The pipeline's own modules."""
    for name, content in bundle.items():
        if name.startswith("code.") and name.endswith(".py"):
            yield content


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise Misconfigured(f"{path} cannot be read ({error.strerror}): restore it") from error
