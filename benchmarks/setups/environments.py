"""The peers' own environments under var/peers, as benchmarks/peers/setup.sh makes them."""

import os
from pathlib import Path

from benchmarks.processes import ROOT, BenchmarkFailed
from benchmarks.setups.bundles import RELEASES, bundle

PEERS = ROOT / "var" / "peers"
PINS = ROOT / "benchmarks" / "peers"


def program(peer: str, name: str) -> str:
    """The path of a program in a peer's environment; raises BenchmarkFailed where that was not
    made.
    """
    path = PEERS / peer / "bin" / name
    if not path.exists():
        raise BenchmarkFailed(f"{peer} is not installed: `make peers` makes its environment")
    return str(path)


def pinned(peer: str, package: str) -> str:
    """The version of a package in a peer's requirements."""
    lines = (PINS / f"{peer}.txt").read_text().splitlines()
    return next(line.partition("==")[2] for line in lines if line.startswith(f"{package}=="))


def environ(peer: str, runtime: str, state: Path) -> dict[str, str]:
    """What benchmarks/peers/models.py reads, and a PATH and a home of the peer's own."""
    for version in ("v1", "v2"):
        bundle(version)

    own = {"RELEASES": str(RELEASES), "RUNTIME": runtime, "HOME": str(state)}
    return {
        **own,
        "PATH": f"{PEERS / peer / 'bin'}:{os.environ['PATH']}",
        "VIRTUAL_ENV": str(PEERS / peer),
    }
