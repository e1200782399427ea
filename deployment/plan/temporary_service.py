"""A version that answers a replay: the running one, or a temporary process that ends after it."""

import os
import secrets
import signal
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from deployment.readiness import NotAnswering, ReadinessProbe, ask_once, probe_of, wait_ready
from deployment.workspace.bundles import check_belongs, check_seal, read_release
from deployment.workspace.errors import CannotStart, EdgeFailure
from deployment.workspace.interrupts import uninterrupted
from deployment.workspace.secrets import read_secrets
from deployment.workspace.state_dir import make_folders
from deployment.workspace.workspace import Workspace
from rollout.state.ledger import Ledger
from rollout.state.version_state import LIVE
from targets.base import Say, silent
from targets.local.programs import service_program
from targets.local.version_environment import environment_bin

END_S = 20.0


@dataclass(frozen=True)
class TemporaryService:
    """Where a version listens; own: whether that is a temporary process."""

    probe: ReadinessProbe
    own: bool


@contextmanager
def answering(
    workspace: Workspace, ledger: Ledger, name: str, say: Say = silent
) -> Iterator[TemporaryService]:
    """The version, proven by its golden rows; raises EdgeFailure, ContractBroken.

    A running version is asked where it runs; one that is only delivered is started without traffic
    and stopped again."""
    version = ledger.versions.get(name)
    release = read_release(workspace.releases, name)
    if version is not None and version.state in LIVE:
        probe = probe_of(release, version.address, read_secrets(workspace).service)
        _require_golden_answers(name, probe)
        yield TemporaryService(probe, own=False)
        return

    check_seal(release, workspace.public_key)
    check_belongs(release, workspace.settings.model)
    own_bin = environment_bin(workspace, release, say)
    with tempfile.TemporaryDirectory(prefix="sluice-") as folder:
        probe = probe_of(release, f"unix:{folder}/version.sock", secrets.token_hex(32))
        with _started(workspace, name, probe, own_bin):
            yield TemporaryService(probe, own=True)


def _require_golden_answers(name: str, probe: ReadinessProbe) -> None:
    try:
        ask_once(probe)
    except NotAnswering as error:
        raise EdgeFailure(
            f"{name} does not give its golden answers ({error}): see `python deploy.py status`"
        ) from error


@contextmanager
def _started(
    workspace: Workspace,
    name: str,
    probe: ReadinessProbe,
    own_bin: Path | None,
    environ: Mapping[str, str] = os.environ,
) -> Iterator[None]:
    program = service_program(workspace, name, f"plan-{name}", probe.address, own_bin)
    make_folders(workspace)
    log = workspace.log / f"{program.name}.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            program.command,
            cwd=workspace.root,
            env={
                **_inherited(environ),
                **program.environment,
                "SLUICE_SERVICE_SECRET": probe.secret,
                "SLUICE_PARENT": str(os.getpid()),
            },
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )

    try:
        _wait(workspace, name, probe, process, log)
        yield
    finally:
        with uninterrupted():
            _end(process)


def _inherited(environ: Mapping[str, str]) -> dict[str, str]:
    """The environment without settings of this program and of gunicorn."""
    return {
        name: value
        for name, value in environ.items()
        if not name.startswith("SLUICE_") and name != "GUNICORN_CMD_ARGS"
    }


def _wait(
    workspace: Workspace,
    name: str,
    probe: ReadinessProbe,
    process: "subprocess.Popen[bytes]",
    log: Path,
) -> None:
    def ended() -> str | None:
        if process.poll() is None:
            return None
        return f"exit status {process.returncode}"

    try:
        wait_ready(probe, workspace.settings.deployment.ready_timeout_s, ended, str(log))
    except CannotStart as error:
        raise CannotStart(f"{name}: {error}") from error


def _end(process: "subprocess.Popen[bytes]") -> None:
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGTERM)

    try:
        process.wait(END_S)
    except subprocess.TimeoutExpired:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
