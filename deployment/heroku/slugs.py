"""What is sent for each app: the code and files that its one process needs, and no more.

Each source has exactly one dependency file, a `.python-version` and a Procfile. The bundle lies at the same place
whatever its version, so that config vars need no change when a slug does.
"""

from pathlib import Path

from deployment.config import Place
from deployment.failures import Misconfigured
from deployment.heroku.conda import pins
from deployment.heroku.failures import HerokuFailure
from deployment.heroku.lock import locked
from deployment.heroku.pickled import distributions_in, distributions_of_code
from deployment.heroku.requirements import (
    ROUTER,
    RUNTIMES,
    SERVICE,
    Needs,
    marks_of,
    python_of,
    requirements_txt,
)
from deployment.heroku.tarballs import Tarball, folder_files, tarball
from deployment.procfile import written
from deployment.releases import Release, sealed_files

BUNDLE = "bundle"
PUBLIC_KEY = "keys/sluice.pub"
PROOF = "python -m service.proof"
CODE = (".py", ".html")


def version_slug(place: Place, release: Release) -> Tarball:
    """The source of a version's app: service/, wire/ and its bundle; a release command proves its golden rows.

    A version served by ONNX has neither scikit-learn nor pandas in it. Raises ContractBroken where the bundle's seal
    does not hold, HerokuFailure naming a package that cannot be installed there.
    """
    # The bytes that were checked are those that are sent.
    bundle = dict(sealed_files(release, place.public_key))
    python = python_of(str(release.manifest.get("python", "")), release.name)
    files = {
        **folder_files(place.root / "service", "service", CODE),
        **folder_files(place.root / "wire", "wire", CODE),
        **{f"{BUNDLE}/{name}": content for name, content in bundle.items()},
        PUBLIC_KEY: place.public_key.read_bytes(),
        "requirements.txt": _version_requirements(place, release, bundle, python).encode(),
        ".python-version": f"{python}\n".encode(),
        "Procfile": f"web: {written(place.procfile, 'service')}\nrelease: {PROOF}\n".encode(),
    }
    return tarball(release.name, files)


def router_slug(place: Place) -> Tarball:
    """The source of the router's app: router/, rollout/, store/, wire/ and deploy.toml; raises Misconfigured."""
    python = python_of(_read(place.root / ".python-version").decode(), "the router")
    needs = Needs(ROUTER, {}, python)
    lock = locked(place.root / "requirements.txt", marks_of(python))
    files = {
        "deploy.toml": _read(place.config),
        "requirements.txt": requirements_txt(needs, lock, "the router").encode(),
        ".python-version": f"{python}\n".encode(),
        "Procfile": f"web: {written(place.procfile, 'router')}\n".encode(),
    }
    for room in ("router", "rollout", "store", "wire"):
        files |= folder_files(place.root / room, room, CODE)
    return tarball("router", files)


def served_by(place: Place, release: Release) -> str:
    """The runtime of a version there, `onnx` or `sklearn`: the certified one unless deploy.toml says otherwise."""
    wanted = place.settings.deployment.runtime
    return release.runtime if wanted == "certified" else wanted


def _version_requirements(place: Place, release: Release, bundle: dict[str, bytes], python: str) -> str:
    lock = locked(place.root / "requirements.txt", marks_of(python))
    if "environment.yaml" not in bundle:
        raise HerokuFailure(f"{release.path} has no environment.yaml: deliver {release.name} again")
    trained = pins(bundle["environment.yaml"].decode(), lock.keys(), release.name)
    runtime = served_by(place, release)
    roots = [*SERVICE, *RUNTIMES[runtime]]
    if runtime == "sklearn":
        # Whatever else the pipeline was made of: estimators of other packages are found by what the pickle names.
        code = [raw for name, raw in bundle.items() if name.startswith("code.") and name.endswith(".py")]
        named = distributions_in(bundle["model.pkl"]) | distributions_of_code(code)
        roots += sorted(named & trained.keys())
    return requirements_txt(Needs(tuple(roots), trained, python), lock, release.name)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise Misconfigured(f"{path} cannot be read ({error.strerror}): restore it") from error
