"""The router's address on this machine."""

import socket

from deployment.workspace.workspace import Workspace


def router_address(workspace: Workspace) -> tuple[str, int]:
    """Host and port of deploy.toml, or the port that the environment names."""
    router = workspace.settings.router
    if workspace.port is None:
        return router.host, router.port
    return router.host, workspace.port


def bound_port(host: str, port: int) -> int:
    """The port itself where it can be bound, any free one for 0; raises OSError."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind((host, port))
        return int(probe.getsockname()[1])
