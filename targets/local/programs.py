"""The local target's programs: the Procfile's commands, each with its environment."""

from pathlib import Path

from deployment.workspace.workspace import Workspace
from targets.local.supervisord_conf import ROUTER_PRIORITY, Program
from targets.procfile import command

ROUTER = "router"


def router_program(workspace: Workspace, port: int) -> Program:
    """The routing layer. The database's URL and the secrets come from the supervisor's environment.

    It listens on the socket that the supervisor makes for it, so that its restart refuses no
    connection."""
    environment = {
        "SLUICE_STATE": str(workspace.state),
        "SLUICE_CONFIG": str(workspace.config),
        "SLUICE_RELEASES": str(workspace.releases),
        "PORT": str(port),
        "SLUICE_LISTEN_FD": "0",
    }
    listens = f"{workspace.settings.router.host}:{port}"
    return Program(
        ROUTER, tuple(command(workspace.procfile, ROUTER)), environment, ROUTER_PRIORITY, listens
    )


def service_program(
    workspace: Workspace, version: str, program: str, address: str, own_bin: Path | None = None
) -> Program:
    """One version as one process group, without the router's key and the database.

    own_bin: the programs of an environment of its own; None for the stack's.
    """
    runtime = workspace.settings.deployment.runtime
    if runtime == "certified":
        runtime = ""

    environment = {
        "SLUICE_BUNDLE": str(workspace.releases / version),
        "SLUICE_BIND": address,
        "SLUICE_PUBLIC_KEY": str(workspace.public_key),
        "SLUICE_THREADS": str(workspace.settings.deployment.threads),
        "SLUICE_RUNTIME": runtime,
        "SLUICE_LOG_FORMAT": workspace.settings.logs.format,
        "SLUICE_TRACES": workspace.settings.traces.endpoint,
        "WEB_CONCURRENCY": str(workspace.settings.deployment.workers),
        "SLUICE_TOKEN_KEY": "",
        "SLUICE_OPERATOR_TOKEN": "",
        "SLUICE_WEBHOOK_SECRET": "",
        "DATABASE_URL": "",
    }
    if own_bin is not None:
        # Sluice's own code, and none of the packages beside it.
        environment |= {"PYTHONPATH": str(workspace.root), "PYTHONNOUSERSITE": "1"}

    arguments = tuple(command(workspace.procfile, "service", own_bin))
    return Program(program, arguments, environment)
