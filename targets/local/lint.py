"""What `lint` checks for this machine: the state folder and the router's address."""

from collections.abc import Iterator
from functools import partial

from deployment.router_client import router_url
from deployment.workspace.bundles import delivered, read_release
from deployment.workspace.errors import ContractBroken, EdgeFailure
from deployment.workspace.state_dir import check_writable
from deployment.workspace.workspace import Workspace
from environments.installed_packages import installed
from environments.sluice_packages import TRACES
from targets.base import LintCheck
from targets.local.address import bound_port, router_address
from targets.local.programs import router_program
from targets.local.supervisord_conf import program_conf, supervisor_conf
from targets.local.version_environment import own_environment, store_of


def checks(workspace: Workspace) -> Iterator[LintCheck]:
    """What is checked and how."""
    yield "state folder", partial(_check_state, workspace)
    yield "router's address", partial(_check_address, workspace)
    if workspace.settings.traces.endpoint:
        yield "traces", _check_trace_packages

    for name in delivered(workspace.releases):
        yield from _environment_check(workspace, name)


def _check_trace_packages() -> None:
    missing = sorted(set(TRACES) - installed().keys())
    if missing:
        names = " ".join(missing)
        raise EdgeFailure(
            f"traces.endpoint is set, and without {names} there are no spans: `pip install "
            f"{names}`, or empty traces.endpoint"
        )


def _environment_check(workspace: Workspace, name: str) -> Iterator[LintCheck]:
    """Of a version that does not run in the stack's environment: which one, or why none."""
    try:
        own = own_environment(workspace, read_release(workspace.releases, name))
    except ContractBroken:
        # The check of the bundle itself says so.
        return
    except EdgeFailure as error:
        yield f"environment of {name}", partial(_raise, error)
        return

    if own is not None:
        built = store_of(workspace).find(own.specification)
        state = "`deploy` builds it"
        if built is not None:
            state = f"built, {built.megabytes:.0f} MB"
        yield f"environment of {name}: its own, for {own.because} ({state})", lambda: None


def _raise(error: EdgeFailure) -> None:
    raise error


def _check_state(workspace: Workspace) -> None:
    supervisor_conf(workspace)
    program_conf(workspace, router_program(workspace, 0))
    check_writable(workspace)


def _check_address(workspace: Workspace) -> None:
    # A router that runs has its address already.
    if router_url(workspace) is not None:
        return

    host, port = router_address(workspace)
    try:
        bound_port(host, port)
    except OSError as error:
        raise EdgeFailure(
            f"{host}:{port} cannot be used ({error.strerror}): change router.port or router.host"
        ) from error
