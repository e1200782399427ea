"""The local target's programs: the Procfile's commands with what each needs to know."""

from deployment.workspace.workspace import Workspace
from targets.local.procfile import command
from targets.local.supervisord_conf import ROUTER_PRIORITY, Program

ROUTER = "router"


def router_program(place: Workspace, port: int) -> Program:
    """The routing layer. The database's URL and the secrets come from the supervisor's environment.

    It listens on the socket that the supervisor makes for it, so that its restart refuses no
    connection."""
    environment = {
        "SLUICE_STATE": str(place.state),
        "SLUICE_CONFIG": str(place.config),
        "SLUICE_RELEASES": str(place.releases),
        "PORT": str(port),
        "SLUICE_LISTEN_FD": "0",
    }
    listens = f"{place.settings.router.host}:{port}"
    return Program(
        ROUTER, tuple(command(place.procfile, ROUTER)), environment, ROUTER_PRIORITY, listens
    )


def service_program(place: Workspace, version: str, program: str, address: str) -> Program:
    """One version as one process group. It is not told the router's key nor the database."""
    environment = {
        "SLUICE_BUNDLE": str(place.releases / version),
        "SLUICE_BIND": address,
        "SLUICE_PUBLIC_KEY": str(place.public_key),
        "SLUICE_THREADS": str(place.settings.deployment.threads),
        "SLUICE_RUNTIME": ""
        if place.settings.deployment.runtime == "certified"
        else place.settings.deployment.runtime,
        "WEB_CONCURRENCY": "1",
        "SLUICE_TOKEN_KEY": "",
        "SLUICE_OPERATOR_TOKEN": "",
        "SLUICE_WEBHOOK_SECRET": "",
        "DATABASE_URL": "",
    }
    return Program(program, tuple(command(place.procfile, "service")), environment)
