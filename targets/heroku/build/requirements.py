"""The one dependency file of a slug: what its process imports and what that needs, each with an
exact version.

The roots are the packages that the code names; the test beside this room compares them with its
imports. What they need follows from the metadata of the packages installed here, and of the model
from its bundle. Where every version is one of the project's lock the file carries its hashes, so
that pip installs those very files and nothing beside them."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from environments.dependencies import NotInstalled, with_dependencies
from environments.lockfile import Pin
from targets.heroku.errors import HerokuFailure

PYTHONS = ("3.11", "3.12", "3.13", "3.14")


@dataclass(frozen=True)
class Needs:
    """What a slug needs.

    roots: requirements without versions
    pins: version by name, as the model was trained with
    model: version by name of all that the model needs, where its bundle says so
    """

    roots: tuple[str, ...]
    pins: Mapping[str, str]
    python: str
    model: Mapping[str, str] = field(default_factory=dict)


def marks_of(python: str) -> dict[str, str]:
    """What markers are evaluated with on a dyno. python: `3.11`."""
    return {
        "python_version": python,
        "python_full_version": f"{python}.0",
        "implementation_name": "cpython",
        "implementation_version": f"{python}.0",
        "platform_python_implementation": "CPython",
        "platform_system": "Linux",
        "platform_machine": "x86_64",
        "platform_release": "",
        "platform_version": "",
        "sys_platform": "linux",
        "os_name": "posix",
        "extra": "",
    }


def python_of(version: str, whose: str) -> str:
    """`3.11` of `3.11.7`, whose newest patch a dyno gets.

    Raises HerokuFailure for a Python that Heroku does not have.
    """
    minor = ".".join(version.strip().split(".")[:2])
    if minor not in PYTHONS:
        raise HerokuFailure(
            f"{whose} wants Python {version.strip()}, Heroku has {', '.join(PYTHONS)}: deliver it "
            "with one of them"
        )

    return minor


def requirements_txt(needs: Needs, lock: Mapping[str, Pin], whose: str) -> str:
    """The file's text.

    Raises HerokuFailure naming a package without a version, or one whose needs are not known here.
    """
    pins = {**needs.pins, **needs.model}
    chosen = dict(needs.model)
    for name in _with_dependencies(needs, whose):
        chosen[name] = _version(name, pins, lock, whose)

    hashes: dict[str, tuple[str, ...]] = {}
    if all(name in lock and lock[name].version == version for name, version in chosen.items()):
        hashes = {name: lock[name].hashes for name in chosen}

    lines = []
    for name, version in sorted(chosen.items()):
        options = map("--hash={}".format, hashes.get(name, ()))
        lines.append(" \\\n    ".join([f"{name}=={version}", *options]))
    return "\n".join(lines) + "\n"


def _with_dependencies(needs: Needs, whose: str) -> set[str]:
    """Normalised names of the roots, such as `psycopg[binary]`, and of all they need on a dyno."""
    try:
        return with_dependencies(needs.roots, marks_of(needs.python))
    except NotInstalled as error:
        raise HerokuFailure(
            f"{whose} needs {error}, which is not installed here, so what it needs itself is not "
            "known: `make setup`, or install it in this environment"
        ) from error


def _version(name: str, pins: Mapping[str, str], lock: Mapping[str, Pin], whose: str) -> str:
    """The model's own, else the project's: a bundle may be older than what serves it."""
    if name in pins:
        return pins[name]
    if name in lock:
        return lock[name].version

    raise HerokuFailure(
        f"{whose} needs {name}, which neither its environment.yaml nor requirements.txt pins: "
        "`make lock`"
    )
