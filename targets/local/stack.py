"""`up` and `down` on this machine: the supervisor, the router and all live versions.

A second `up` repairs what is missing.
"""

import time
from collections.abc import Callable, Sequence
from contextlib import suppress

from deployment.readiness import NotAnswering, probe_of, wait_ready
from deployment.router_client import check_model, router_url, wait_router
from deployment.workspace.bundles import check_seal, read_release
from deployment.workspace.errors import ContractBroken, EdgeFailure, Interrupted, Misconfigured
from deployment.workspace.interrupts import uninterrupted
from deployment.workspace.ledger import make_record, newest_ledger, refuse_if_deleted
from deployment.workspace.locks import held
from deployment.workspace.secrets import Secrets, check_webhook_secret, make_secrets
from deployment.workspace.state_dir import conf_folder, make_folders
from deployment.workspace.workspace import Workspace
from rollout.state.ledger import Ledger, Version
from targets.base import Say, Stack
from targets.local.address import bound_port, router_address
from targets.local.orphans import left_behind, supervisors
from targets.local.programs import ROUTER, router_program, service_program
from targets.local.supervisor_client import Supervisor
from targets.local.supervisor_daemon import start_supervisor, stop_supervisor
from targets.local.supervisord_conf import Program, conf_file, log_file, program_conf
from targets.local.version_environment import environment_bin, own_environment, store_of
from targets.local.version_process import lost_socket, stop_program, watch_for_end


def up(workspace: Workspace, say: Say) -> Stack:
    """Start the stack, or repair it.

    Raises EdgeFailure, and leaves nothing running, where the router cannot run.
    """
    began = time.monotonic()
    make_folders(workspace)
    with held(workspace, "up", "bringing this stack up or down"):
        secrets = make_secrets(workspace)
        supervisor = Supervisor(workspace)
        already = supervisor.answers()
        refuse_if_deleted(workspace)
        make_record(workspace)
        ledger = newest_ledger(workspace)
        if already or supervisors(workspace) or left_behind(workspace):
            check_model(workspace)
        unbuilt: list[Version] = []
        if already:
            url = _repair(workspace, supervisor, ledger, say)
        else:
            unbuilt = [version for version in ledger.live() if _awaits_build(workspace, version)]
            at_once = [version for version in ledger.live() if version not in unbuilt]
            url = _undo_on_failure(
                workspace, lambda: _start(workspace, supervisor, at_once, secrets, say)
            )
        try:
            # The others answer meanwhile.
            for version in unbuilt:
                _start_again(workspace, supervisor, version, say)
            failed = _wait_for_versions(workspace, supervisor, ledger, secrets.service, say)
        except KeyboardInterrupt as error:
            raise Interrupted(
                f"interrupted: the stack is up at {url}, its versions may still be starting"
            ) from error

    names = tuple(version.name for version in ledger.live())
    return Stack(url, already, names, failed, time.monotonic() - began)


def down(workspace: Workspace, say: Say) -> int:
    """Stop everything, the router first, and check that nothing is left.

    Returns how many programs were stopped.
    """
    make_folders(workspace)
    with held(workspace, "up", "bringing this stack up or down"):
        supervisor = Supervisor(workspace)
        programs = []
        if supervisor.answers():
            programs = list(supervisor.processes())

        strays = [*supervisors(workspace), *left_behind(workspace)]
        if not programs and not strays:
            return 0
        try:
            stop_supervisor(workspace)
        except KeyboardInterrupt as error:
            raise Interrupted(
                "interrupted: the stack is still stopping, `python deploy.py down` waits for it"
            ) from error
        _forget_router(workspace)
        _forget_programs(workspace)

    say(f"stopped: {', '.join(programs) or f'{len(strays)} processes that did not answer'}")
    return len(programs) or len(strays)


def _start(
    workspace: Workspace,
    supervisor: Supervisor,
    versions: Sequence[Version],
    secrets: Secrets,
    say: Say,
) -> str:
    check_webhook_secret(workspace)
    lost = supervisors(workspace)
    ended = stop_supervisor(workspace)
    if lost:
        say(f"stopped the supervisor (pid {lost[0]}) that did not answer, with its programs")
    if ended:
        say(f"stopped {ended} processes whose supervisor was gone")

    _forget_programs(workspace)
    port = _port(workspace, say)
    url = _url(workspace.settings.router.host, port)
    conf_file(workspace, ROUTER).write_text(
        program_conf(workspace, router_program(workspace, port))
    )
    for version in versions:
        _write_conf(workspace, version, say)

    start_supervisor(workspace, secrets)
    workspace.url_file.write_text(url)
    workspace.model_file.write_text(workspace.settings.model)
    wait_router(workspace, url, watch_for_end(supervisor, ROUTER))
    say(f"router at {url}")
    return url


def _undo_on_failure(workspace: Workspace, start: Callable[[], str]) -> str:
    try:
        return start()
    except BaseException as error:
        with uninterrupted():
            stop_supervisor(workspace)
            _forget_router(workspace)
            _forget_programs(workspace)
        if isinstance(error, KeyboardInterrupt):
            raise Interrupted(
                "interrupted: the stack is not up, what was started is stopped again"
            ) from error
        raise


def _repair(workspace: Workspace, supervisor: Supervisor, ledger: Ledger, say: Say) -> str:
    """Start what the ledger names and does not run; stop what runs and is not in the ledger."""
    url = router_url(workspace)
    if url is None:
        raise EdgeFailure(
            "a supervisor runs here without a router: `python deploy.py down`, then `up`"
        )

    if workspace.port and not url.endswith(f":{workspace.port}"):
        raise EdgeFailure(
            f"the router runs at {url}: `python deploy.py down`, then `up --port {workspace.port}`"
        )

    running = supervisor.processes()
    named = {version.program: version for version in ledger.live()}
    for program in set(running) - set(named) - {ROUTER}:
        _end_stray(workspace, program, say)

    for program, version in named.items():
        if program in running and lost_socket(workspace, program):
            say(f"{program} listened on a socket that was deleted: it is stopped")
            stop_program(workspace, program)
            _start_again(workspace, supervisor, version, say)
        elif program not in running:
            _start_again(workspace, supervisor, version, say)

    for program in running:
        if program == ROUTER or program in named:
            supervisor.restart_if_given_up(program)

    wait_router(workspace, url, lambda: None)
    return url


def _end_stray(workspace: Workspace, program: str, say: Say) -> None:
    version = program.rpartition("-")[0]
    # Whoever starts that version at this moment holds its lock: then it is no stray.
    with suppress(EdgeFailure), held(workspace, version, "starting it"):
        stop_program(workspace, program)
        say(f"{program} stopped: the ledger does not name it")


def _start_again(workspace: Workspace, supervisor: Supervisor, version: Version, say: Say) -> None:
    try:
        supervisor.add(_program_of(workspace, version, say))
        say(f"{version.name} started again as {version.program}")
    except EdgeFailure as error:
        say(f"{version.name} cannot be started: {error}")


def _write_conf(workspace: Workspace, version: Version, say: Say) -> None:
    try:
        conf_file(workspace, version.program).write_text(
            program_conf(workspace, _program_of(workspace, version, say))
        )
    except EdgeFailure as error:
        say(f"{version.name} cannot be started: {error}")


def _program_of(workspace: Workspace, version: Version, say: Say) -> Program:
    """The program in the ledger, after a check that its bundle is the one that was deployed."""
    release = read_release(workspace.releases, version.name)
    check_seal(release, workspace.public_key)
    if release.digest != version.digest:
        raise ContractBroken(
            f"{release.path} is not what was deployed: restore it, or deliver it as a new version"
        )

    own_bin = environment_bin(workspace, release, say)
    return service_program(workspace, version.name, version.program, version.address, own_bin)


def _awaits_build(workspace: Workspace, version: Version) -> bool:
    """Whether a version needs an environment that has to be built first."""
    try:
        own = own_environment(workspace, read_release(workspace.releases, version.name))
    except EdgeFailure:
        # Its start says why.
        return False
    return own is not None and store_of(workspace).find(own.specification) is None


def _wait_for_versions(
    workspace: Workspace, supervisor: Supervisor, ledger: Ledger, secret: str, say: Say
) -> dict[str, str]:
    failed: dict[str, str] = {}
    for version in ledger.live():
        try:
            probe = probe_of(
                read_release(workspace.releases, version.name), version.address, secret
            )
            log = str(log_file(workspace, version.program))
            seconds = wait_ready(
                probe,
                workspace.settings.deployment.ready_timeout_s,
                watch_for_end(supervisor, version.program),
                log,
            )
            say(f"{version.name} answers its golden rows ({seconds:.1f} s)")
        except (EdgeFailure, NotAnswering) as error:
            failed[version.name] = str(error)
            say(f"{version.name} does not answer: {error}")

    return failed


def _forget_router(workspace: Workspace) -> None:
    for path in (workspace.url_file, workspace.model_file):
        path.unlink(missing_ok=True)


def _forget_programs(workspace: Workspace) -> None:
    """Remove files and sockets of programs, none of which runs now."""
    for path in workspace.run.glob("*.sock"):
        path.unlink()
    for path in conf_folder(workspace).glob("*.conf"):
        path.unlink()


def _port(workspace: Workspace, say: Say) -> int:
    """The router's port: the one it had unless `down` stopped it, since its users know it."""
    previous = (router_url(workspace) or "").rpartition(":")[2]
    host, port = router_address(workspace)
    if not workspace.port and previous.isdigit():
        try:
            return bound_port(host, int(previous))
        except OSError:
            say(f"port {previous}, which the router had, is taken by another process")

    try:
        return bound_port(host, port)
    except OSError as error:
        raise Misconfigured(
            f"the router cannot listen on {host}:{port} ({error.strerror}): `up --port 0` takes a "
            "free port, or change router.port in deploy.toml"
        ) from error


def _url(host: str, port: int) -> str:
    if host in ("0.0.0.0", "::"):  # noqa: S104
        return f"http://127.0.0.1:{port}"
    return f"http://{host}:{port}"
