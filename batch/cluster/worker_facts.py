"""What has to be equal in all processes that predict: packages, Python, and Sluice's own code."""

import functools
import hashlib
import sys
from collections.abc import Iterable, Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

ROOT = Path(__file__).parents[2]
CODE = ("batch", "service", "wire")
"""The rooms that a prediction goes through."""
PACKAGES = ("numpy", "pyarrow", "msgspec", "dask", "distributed")
ABSENT = "not installed"

WorkerFacts = dict[str, str]
"""A version by what has it."""


def worker_facts(packages: Sequence[str]) -> WorkerFacts:
    """The facts of this process. packages: beside those that every prediction needs."""
    facts = {"Python": f"{sys.version_info.major}.{sys.version_info.minor}", "Sluice": _code()}
    for name in dict.fromkeys([*PACKAGES, *packages]):
        facts[name] = _version(name)

    return facts


def differences(own: Mapping[str, str], others: Mapping[str, str]) -> list[str]:
    """What another process has otherwise, such as `numpy 2.2.0 (2.3.1 here)`."""
    return [
        f"{name} {others.get(name, ABSENT)} ({fact} here)"
        for name, fact in own.items()
        if others.get(name) != fact
    ]


def refusal(address: str, unlike: Iterable[str]) -> str:
    """Why a worker may not predict, and what to do."""
    return (
        f"worker {address} has {', '.join(unlike)}, so its predictions could differ: start it in "
        f"an environment of the same requirements.txt and in the same Sluice"
    )


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return ABSENT


@functools.cache
def _code() -> str:
    """A short digest of Sluice's modules, which a version number would not tell apart."""
    digest = hashlib.sha256()
    for room in CODE:
        for path in sorted((ROOT / room).rglob("*.py")):
            digest.update(path.relative_to(ROOT).as_posix().encode() + b"\0")
            digest.update(path.read_bytes() + b"\0")

    return f"of code {digest.hexdigest()[:12]}"
