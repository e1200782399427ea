"""What an environment holds, as text from which it is installed and by which it is known."""

import hashlib
import re
import sys
import sysconfig
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from environments.dependencies import with_dependencies
from environments.errors import EnvironmentFailure
from environments.installed_packages import installed, markers_here
from environments.lockfile import Pin
from environments.sluice_packages import BATCH, DELIVERY, SERVICE

FORM = 1
DIGEST_LENGTH = 16
MOST_PACKAGES = 500
# What is imported as a proof: Sluice's own modules, and a model's packages by name.
SERVING = ("service.app", "wire.worker")
PREDICTING_FILES = ("batch.run",)
PROVED = {"scikit-learn": "sklearn", "pandas": "pandas"}
_NAME = re.compile(r"^[a-z0-9]+(-[a-z0-9]+)*$")


@dataclass(frozen=True)
class Specification:
    """The packages of one environment.

    requirements: `name==version`, with hashes where they are known
    own: `name==version` of what Sluice itself needs, taken from the packages that run this
    constraints: versions of what else may come with them
    complete: the requirements are all that is installed; else what they need comes too
    open_ended: what comes with them may have any version
    imports: modules that prove the environment
    """

    requirements: tuple[str, ...]
    own: tuple[str, ...] = ()
    constraints: tuple[str, ...] = ()
    complete: bool = True
    open_ended: bool = False
    imports: tuple[str, ...] = ()

    @property
    def digest(self) -> str:
        """The same for the same packages on the same Python."""
        python = f"{sys.version_info[:3]} {sysconfig.get_platform()} {sys.base_prefix}"
        parts = [str(FORM), python, repr(self)]
        return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:DIGEST_LENGTH]

    @property
    def pins(self) -> dict[str, str]:
        """The exact versions that it allows, by normalised name."""
        pins: dict[str, str] = {}
        for line in (*self.constraints, *self.own, *self.requirements):
            name, _, rest = line.partition("==")
            if rest:
                pins[canonicalize_name(name)] = rest.split()[0]

        return pins


def serving(
    needs: Mapping[str, str],
    others: Mapping[str, str],
    lock: Mapping[str, Pin],
    whose: str,
) -> Specification:
    """The environment that serves a model: what Sluice's service needs, and what the model needs.

    needs: version by name; the model's own ones win over Sluice's
    others: versions of what may come with them, for a bundle that does not name all it needs
    Raises EnvironmentFailure naming a version's entry that is no package.
    """
    return _of_model(needs, others, lock, whose, SERVICE, SERVING)


def predicting_files(
    needs: Mapping[str, str],
    others: Mapping[str, str],
    lock: Mapping[str, Pin],
    whose: str,
) -> Specification:
    """The environment in which a model predicts files; see `serving`."""
    return _of_model(needs, others, lock, whose, BATCH, PREDICTING_FILES)


def _of_model(
    needs: Mapping[str, str],
    others: Mapping[str, str],
    lock: Mapping[str, Pin],
    whose: str,
    roots: Iterable[str],
    imports: tuple[str, ...],
) -> Specification:
    """What a model needs, with what Sluice itself needs for it. imports: of Sluice's modules."""
    check_pins(needs, whose)
    check_pins(others, whose)
    own = _own(needs, roots)
    more = {name: version for name, version in others.items() if name not in {*needs, *own}}
    return Specification(
        requirements=lines(needs, lock),
        own=lines(own, {}),
        constraints=lines(more, {}),
        complete=not others,
        imports=(*imports, *(module for name, module in PROVED.items() if name in needs)),
    )


def delivering(
    versions: Mapping[str, str], lock: Mapping[str, Pin], more_roots: Iterable[str] = ()
) -> Specification:
    """The environment in which a model is delivered: Sluice's delivery and the user's packages.

    versions: what the user wants, a specifier by name, such as `==1.7.2`
    more_roots: names without versions, beside those of Sluice's own delivery
    """
    _check_specifiers(versions)
    roots = dict.fromkeys((*DELIVERY, *more_roots), "") | dict(versions)
    own = _own(roots, SERVICE)
    constraints = {name: pin.version for name, pin in lock.items() if name not in {*versions, *own}}
    return Specification(
        requirements=tuple(f"{name}{version}" for name, version in sorted(roots.items())),
        own=lines(own, {}),
        constraints=lines(constraints, {}),
        complete=False,
        open_ended=True,
        imports=("delivery.pack",),
    )


def lines(versions: Mapping[str, str], lock: Mapping[str, Pin]) -> tuple[str, ...]:
    """One line a package, in order, with the hashes of the lock where it has that very version."""
    written = []
    for name, version in sorted(versions.items()):
        hashes: tuple[str, ...] = ()
        if name in lock and lock[name].version == version:
            hashes = lock[name].hashes
        written.append(" ".join([f"{name}=={version}", *map("--hash={}".format, hashes)]))

    return tuple(written)


def check_pins(pins: Mapping[str, str], whose: str) -> None:
    """Raise EnvironmentFailure naming an entry that is no exact version of a package."""
    if len(pins) > MOST_PACKAGES:
        raise EnvironmentFailure(f"{whose} needs {len(pins)} packages, more than {MOST_PACKAGES}")

    for name, version in pins.items():
        if not isinstance(name, str) or not _NAME.match(name) or not _is_version(version):
            entry = f"{name}=={version}"[:100]
            raise EnvironmentFailure(
                f"{whose} needs {entry!r}, which is no exact version of a package: deliver it again"
            )


def _check_specifiers(versions: Mapping[str, str]) -> None:
    """Some were read off a pickle, where anything may stand."""
    for name, version in versions.items():
        try:
            SpecifierSet(version)
        except InvalidSpecifier as error:
            raise EnvironmentFailure(
                f"{f'{name}{version}'[:100]!r} is no version of a package: give one with "
                "`deliver --environment FILE`"
            ) from error


def _is_version(text: object) -> bool:
    if not isinstance(text, str):
        return False
    try:
        Version(text)
    except InvalidVersion:
        return False
    return True


def _own(others: Collection[str], roots: Iterable[str]) -> dict[str, str]:
    """What Sluice itself needs, as it is installed here, but for what others bring."""
    versions = installed()
    names = with_dependencies(roots, markers_here(), skip_missing=True)
    return {name: versions[name] for name in names if name not in others}
