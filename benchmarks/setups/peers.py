"""What users would pick instead, by name; each is set up by `make peers` and left out where it is
missing.
"""

from collections.abc import Sequence

from benchmarks.measure import Measured
from benchmarks.setups import bentoml, envoy, haproxy, litserve, mlserver, rayserve
from benchmarks.setups.setup import Setup

PEERS = {
    "haproxy": haproxy.setups,
    "envoy": envoy.setups,
    "bentoml": bentoml.setups,
    "mlserver": mlserver.setups,
    "litserve": litserve.setups,
    "rayserve": rayserve.setups,
}


def named(names: str) -> list[str]:
    """The peers of a comma separated list, or of `all`; raises ValueError naming one that is not
    known.
    """
    chosen = list(PEERS) if names == "all" else [name for name in names.split(",") if name]
    unknown = [name for name in chosen if name not in PEERS]
    if unknown:
        raise ValueError(f"{', '.join(unknown)}: a peer is one of {', '.join(PEERS)}, or all")
    return chosen


def setups(names: Sequence[str]) -> list[Setup]:
    """These peers' set-ups and floors."""
    return [setup for name in names for setup in PEERS[name]()]


def fastest(results: dict[str, Measured], connections: int, onnx: bool) -> str | None:
    """The peer with the most requests a second, given the ONNX form or else as its documents set it
    up.
    """
    names = [
        name
        for name, result in results.items()
        if _is_peer(name) and not result.failure and result.loads
    ]
    rates = {
        name: results[name].median(connections, "requests_s")
        for name in names
        if name.endswith(" onnx") == onnx
    }
    return max(rates, key=rates.__getitem__) if rates else None


def _is_peer(name: str) -> bool:
    return name.split(" ")[0] in PEERS
