"""This machine as a target: process groups under the supervisor of one state folder."""

from collections.abc import Iterator
from contextlib import AbstractContextManager

from deployment.readiness import ReadinessProbe, probe_of, wait_ready, warmed_up
from deployment.router_client import check_model, wait_drained
from deployment.workspace.bundles import Release, read_release
from deployment.workspace.errors import CannotStart, NotRunning
from deployment.workspace.locks import held
from deployment.workspace.secrets import read_secrets
from deployment.workspace.workspace import Workspace
from rollout.state.ledger import Ledger
from targets.base import LintCheck, Process, Retention, Say, Stack, Target, silent
from targets.findings import Finding
from targets.local import doctor, lint, stack
from targets.local.programs import service_program
from targets.local.supervisor_client import Supervisor
from targets.local.supervisord_conf import log_file
from targets.local.version_environment import environment_bin, store_of, unneeded
from targets.local.version_process import (
    likely_reason,
    stop_program,
    unlink_socket,
    watch_for_end,
)


class LocalTarget(Target):
    """Starts, proves, drains and stops the versions of one state folder."""

    def __init__(self, workspace: Workspace, say: Say = silent) -> None:
        super().__init__(workspace, say)
        self.supervisor = Supervisor(workspace)

    def home(self, ledger: Ledger, version: str) -> tuple[str, str]:
        """Each start gets a socket and a log of its own, named by the revision it starts at."""
        program = f"{version}-{ledger.revision + 1}"
        return program, self.workspace.address(program)

    def reserve(self, version: str) -> AbstractContextManager[None]:
        """Hold the version's lock file; raises EdgeFailure naming its holder."""
        return held(self.workspace, version, f"starting {version}")

    def prepare(self, version: str) -> None:
        """Build the environment of its own that a version may need; raises CannotStart."""
        if self.supervisor.answers():
            environment_bin(self.workspace, self._release(version), self.say)

    def start(self, version: str, program: str) -> None:
        """Start a process group; raises NotRunning, CannotStart.

        A stray of the same name is stopped first.
        """
        if not self.supervisor.answers():
            raise NotRunning
        check_model(self.workspace)

        if self.supervisor.process(program) is not None:
            self.stop(program)
        unlink_socket(self.workspace, program)

        address = self.workspace.address(program)
        own_bin = environment_bin(self.workspace, self._release(version), self.say)
        self.supervisor.add(service_program(self.workspace, version, program, address, own_bin))

    def wait_ready(self, version: str, program: str) -> float:
        """Wait for its golden answers; returns seconds. What is raised names its log."""
        probe = self._probe(version, program)
        deadline_s = self.workspace.settings.deployment.ready_timeout_s
        ended = watch_for_end(self.supervisor, program)

        try:
            return wait_ready(probe, deadline_s, ended, str(log_file(self.workspace, program)))
        except CannotStart as error:
            reason = likely_reason(self.workspace, program)
            raise CannotStart(f"{version}: {error}{reason}") from error

    def warm_up(self, version: str, program: str) -> None:
        """Send small and large batches; raises EdgeFailure naming the log."""
        warmed_up(version, self._probe(version, program), str(log_file(self.workspace, program)))

    def drain(self, address: str, revision: int) -> bool:
        """Whether the routers finished their requests to that address in time."""
        operator = read_secrets(self.workspace).operator
        return wait_drained(self.workspace, operator, revision, address)

    def stop(self, program: str) -> None:
        """Stop a process group gracefully."""
        stop_program(self.workspace, program)

    def up(self) -> Stack:
        """Start the supervisor with the router and the live versions, or repair them."""
        return stack.up(self.workspace, self.say)

    def down(self) -> int:
        """Stop the supervisor and everything it runs; returns how many programs were stopped."""
        return stack.down(self.workspace, self.say)

    def processes(self) -> dict[str, Process]:
        """What the supervisor runs, by program; raises NotRunning, NotReadyInTime."""
        return self.supervisor.processes()

    def findings(self, ledger: Ledger | None) -> Iterator[Finding]:
        """The supervisor, its processes and this machine's limits."""
        return doctor.findings(self.workspace, ledger)

    def lint_checks(self) -> Iterator[LintCheck]:
        """The state folder and the router's address."""
        return lint.checks(self.workspace)

    def retention(self) -> Retention:
        """Idle versions are kept as long here as on a platform."""
        return Retention(self.workspace.settings.heroku.warm_s, self.workspace.settings.heroku.keep)

    def unneeded(self) -> dict[str, str]:
        """Environments that no delivered version needs."""
        spare = unneeded(self.workspace)
        return {digest: f"{megabytes:.0f} MB" for digest, megabytes in spare.items()}

    def delete_unneeded(self, name: str) -> bool:
        """Delete an environment, unless a delivery uses it."""
        return store_of(self.workspace).delete(name)

    def _probe(self, version: str, program: str) -> ReadinessProbe:
        release = self._release(version)
        secret = read_secrets(self.workspace).service
        return probe_of(release, self.workspace.address(program), secret)

    def _release(self, version: str) -> Release:
        return read_release(self.workspace.releases, version)
