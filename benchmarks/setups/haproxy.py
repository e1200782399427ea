"""HAProxy from Debian's package: weighted before the plain services, and before the constant."""

import shutil
import subprocess
from functools import partial
from pathlib import Path

from benchmarks.processes import BenchmarkFailed
from benchmarks.setups import floors, plain
from benchmarks.setups.setup import Setup, Upstreams

# roundrobin: `balance random` does not keep the weights.
CONFIG = """global
    nbthread 2
    maxconn 8192
defaults
    mode http
    timeout connect 5s
    timeout client 60s
    timeout server 60s
    http-reuse always
listen flights
    bind 127.0.0.1:{port}
    balance roundrobin
"""


def setups() -> list[Setup]:
    """Weighted before the two plain services, and the floor."""
    known = f"HAProxy {_version()}"
    about = f"{known} roundrobin 90/10, 2 threads -> the two services of plain"
    floor = f"{known}, 2 threads -> nginx constant, kept connections"
    return [
        Setup("haproxy -> plain", about, partial(plain.behind, "haproxy", command)),
        Setup(
            "floor: haproxy -> constant", floor, partial(floors.proxied, "haproxy", _to_constant)
        ),
    ]


def command(folder: Path, port: int, servers: Upstreams) -> list[str]:
    """The command that runs HAProxy before these servers."""
    folder.mkdir(parents=True, exist_ok=True)
    lines = [
        f"    server {name} {address} weight {weight}\n"
        for name, (address, weight) in servers.items()
    ]
    config = folder / "haproxy.cfg"
    config.write_text(CONFIG.format(port=port) + "".join(lines))
    return [_program(), "-db", "-f", str(config)]


def _to_constant(folder: Path, port: int, behind: int) -> list[str]:
    return command(folder, port, {"constant": (f"127.0.0.1:{behind}", 1)})


def _program() -> str:
    path = shutil.which("haproxy") or shutil.which("haproxy", path="/usr/sbin")
    if path is None:
        raise BenchmarkFailed("haproxy is missing: `make peers` installs it (as root)")
    return path


def _version() -> str:
    try:
        output = subprocess.run(
            [_program(), "-v"], capture_output=True, text=True, check=True
        ).stdout
    except BenchmarkFailed:
        return "(missing)"
    return output.split()[2]
