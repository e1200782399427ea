"""A third target for the tests: plain child processes of the test, without a supervisor."""

import os
import socket
import subprocess
import sys
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path
from typing import ClassVar

from deployment.readiness import probe_of, wait_ready, warmed_up
from deployment.router_client import wait_drained, wait_router
from deployment.workspace.bundles import read_release
from deployment.workspace.ledger import make_record, opened_record, read_ledger
from deployment.workspace.locks import held
from deployment.workspace.secrets import make_secrets, read_secrets
from deployment.workspace.state_dir import check_writable, make_folders
from deployment.workspace.workspace import workspace_from_environment
from rollout.state.ledger import Ledger, Version
from targets.base import Leftover, LintCheck, Process, Retention, Stack, Target
from targets.findings import Finding, examine

ROUTER = "router"


class ThirdTarget(Target):
    """Every program is a child process of the test; its log is what is left of it."""

    children: ClassVar[dict[str, "subprocess.Popen[bytes]"]] = {}

    def home(self, ledger: Ledger, version: str) -> tuple[str, str]:
        """Named by the revision, as on this machine."""
        program = f"third-{version}-{ledger.revision + 1}"
        return program, self.workspace.address(program)

    def reserve(self, version: str) -> AbstractContextManager[None]:
        """The version's lock file."""
        return held(self.workspace, version, f"starting {version}")

    def start(self, version: str, program: str) -> None:
        """Start the toy service of the bundle."""
        self._spawn(
            program,
            "tests.deployment.toy_service",
            SLUICE_BUNDLE=str(self.workspace.releases / version),
            SLUICE_BIND=self.workspace.address(program),
            SLUICE_SERVICE_SECRET=read_secrets(self.workspace).service,
        )

    def wait_ready(self, version: str, program: str) -> float:
        """Wait for the golden answers."""
        return wait_ready(self._probe(version, program), 20.0, partial(self._ended, program), "log")

    def warm_up(self, version: str, program: str) -> None:
        """Send batches."""
        warmed_up(version, self._probe(version, program), "log")

    def drain(self, address: str, revision: int) -> bool:
        """Wait for the router."""
        return wait_drained(
            self.workspace, read_secrets(self.workspace).operator, revision, address
        )

    def stop(self, program: str) -> None:
        """End the child."""
        if child := self.children.pop(program, None):
            child.terminate()
            child.wait(10)

    def up(self) -> Stack:
        """Start router and ledger; this target keeps its database's address as a platform does."""
        make_folders(self.workspace)
        make_secrets(self.workspace)
        database = f"sqlite:///{self.workspace.state / 'third.db'}"
        self.workspace.database_file.write_text(database)
        self.workspace = workspace_from_environment()
        make_record(self.workspace)

        with socket.create_server(("127.0.0.1", 0)) as listener:
            descriptor = listener.fileno()
            self._spawn(
                ROUTER,
                "tests.deployment.toy_router",
                keep=descriptor,
                SLUICE_LISTEN_FD=str(descriptor),
                DATABASE_URL=database,
            )
            url = f"http://127.0.0.1:{listener.getsockname()[1]}"

        self.workspace.url_file.write_text(url)
        wait_router(self.workspace, url, partial(self._ended, ROUTER))
        with opened_record(self.workspace) as store:
            names = tuple(version.name for version in read_ledger(store).live())
        return Stack(url, False, names, {}, 0.0)

    def down(self) -> int:
        """End all children."""
        programs = list(self.children)
        for program in programs:
            self.stop(program)
        self.workspace.url_file.unlink(missing_ok=True)
        return len(programs)

    def processes(self) -> dict[str, Process]:
        """The children."""
        return {
            program: Process(program, "RUNNING", child.pid, 1.0, "")
            for program, child in self.children.items()
        }

    def findings(self, _ledger: Ledger | None) -> Iterator[Finding]:
        """One finding for each child."""
        for program, child in self.children.items():
            yield examine(f"third {program}", lambda pid=child.pid: f"pid {pid}")

    def lint_checks(self) -> Iterator[LintCheck]:
        """The state folder."""
        yield "state folder of the third", partial(check_writable, self.workspace)

    def retention(self) -> Retention:
        """Nothing that is idle stays."""
        return Retention(warm_s=0.0, keep=0)

    def leftovers(self, versions: Iterable[Version]) -> dict[str, Leftover]:
        """The logs."""
        return {
            version.name: Leftover(version.program, str(log), False, 0.0, "its log")
            for version in versions
            if (log := self._log(version.program)).exists()
        }

    def delete_leftover(self, leftover: Leftover) -> None:
        """Delete a log."""
        Path(leftover.id).unlink()

    def _spawn(self, program: str, module: str, keep: int | None = None, **environ: str) -> None:
        with self._log(program).open("wb") as log:
            self.children[program] = subprocess.Popen(
                [sys.executable, "-m", module],
                env={**os.environ, **environ},
                stdout=log,
                stderr=log,
                pass_fds=() if keep is None else (keep,),
            )

    def _ended(self, program: str) -> str | None:
        code = self.children[program].poll()
        return None if code is None else f"exit status {code}"

    def _log(self, program: str) -> Path:
        return self.workspace.log / f"{program}.log"

    def _probe(self, version: str, program: str):
        release = read_release(self.workspace.releases, version)
        secret = read_secrets(self.workspace).service
        return probe_of(release, self.workspace.address(program), secret)
