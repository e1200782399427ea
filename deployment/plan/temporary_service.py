"""A version that answers a replay: where it runs, else in a process of its own that ends with
it.
"""

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
from targets.local.programs import service_program

END_S = 20.0


@dataclass(frozen=True)
class TemporaryService:
    """Where a version listens, and whether that is a process of the replay's own."""

    probe: ReadinessProbe
    own: bool


@contextmanager
def answering(workspace: Workspace, ledger: Ledger, name: str) -> Iterator[TemporaryService]:
    """The version, proven by its golden rows; raises EdgeFailure, ContractBroken.

    A running one is asked where it runs; one that is only delivered is started, meets no user, and
    is stopped again."""
    version = ledger.versions.get(name)
    release = read_release(workspace.releases, name)
    if version is not None and version.state in LIVE:
        probe = probe_of(release, version.address, read_secrets(workspace).service)
        try:
            ask_once(probe)
        except NotAnswering as error:
            raise EdgeFailure(
                f"{name} does not give its golden answers ({error}): see `python deploy.py status`"
            ) from error
        yield TemporaryService(probe, own=False)
        return

    check_seal(release, workspace.public_key)
    check_belongs(release, workspace.settings.model)
    with tempfile.TemporaryDirectory(prefix="sluice-") as folder:
        probe = probe_of(release, f"unix:{folder}/version.sock", secrets.token_hex(32))
        with _started(workspace, name, probe):
            yield TemporaryService(probe, own=True)


@contextmanager
def _started(
    workspace: Workspace, name: str, probe: ReadinessProbe, environ: Mapping[str, str] = os.environ
) -> Iterator[None]:
    program = service_program(workspace, name, f"plan-{name}", probe.address)
    kept = {
        key: value
        for key, value in environ.items()
        if not key.startswith("SLUICE_") and key != "GUNICORN_CMD_ARGS"
    }
    make_folders(workspace)
    log = workspace.log / f"{program.name}.log"
    with log.open("wb") as said:
        process = subprocess.Popen(
            program.command,
            cwd=workspace.root,
            env={**kept, **program.environment, "SLUICE_SERVICE_SECRET": probe.secret},
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )

    try:
        _wait(workspace, name, probe, process, log)
        yield
    finally:
        with uninterrupted():
            _end(process)


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
