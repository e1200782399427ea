"""The interface of a target: everything that differs between the places where versions run."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING, ClassVar, Self

from deployment.workspace.workspace import Workspace
from rollout.state.ledger import Ledger, Version

# Findings import the HTTP client; an act on the ledger alone needs neither.
if TYPE_CHECKING:
    from targets.findings import Finding

Say = Callable[[str], None]
LintCheck = tuple[str, Callable[[], object]]
"""What is checked, and the check, which raises EdgeFailure, Refusal or StoreError."""
TWO_VERSIONS = 2


def silent(_: str) -> None:
    """Report nothing."""


@dataclass(frozen=True)
class Process:
    """What runs under one program's name.

    state: the supervisor's word for it (RUNNING, STARTING, BACKOFF, FATAL, STOPPED, ...)
    pid: 0 where there is none
    """

    program: str
    state: str
    pid: int
    since_s: float
    ended_because: str


@dataclass(frozen=True)
class Stack:
    """What `up` started or repaired.

    already: whether the router was up before
    versions: live in the ledger
    failed: those of them that do not answer, with the reason
    """

    url: str
    already: bool
    versions: tuple[str, ...]
    failed: dict[str, str]
    seconds: float


@dataclass(frozen=True)
class Bill:
    """Dollars, if always on; lines: one per item, and the sum."""

    monthly: float
    daily: float
    lines: list[str]


@dataclass(frozen=True)
class Retention:
    """Which idle versions stay.

    warm_s: how long an idle version keeps its process
    keep: how many retired versions keep what is left of them
    """

    warm_s: float
    keep: int


@dataclass(frozen=True)
class Leftover:
    """What a version still has on a platform after its processes were stopped.

    app: the platform's name for it
    id: by which it is deleted, since its name may belong to somebody else by then
    running: whether something of it still costs money
    monthly: dollars, if always on
    summary: size and price, for people
    """

    app: str
    id: str
    running: bool
    monthly: float
    summary: str


class Target(ABC):
    """Where versions run. Used as a context, which closes its connections.

    A program is the target's own name for a version's processes: a process group, or an app.
    To create a target contacts nobody: an act on the ledger alone never waits for a platform.
    """

    idle_versions_cost: ClassVar[bool] = False
    """Whether `up` ends by collecting idle versions."""
    lint_reads_ledger: ClassVar[bool] = True
    """Whether `lint` may read the ledger: not where that lies behind a network."""

    def __init__(self, workspace: Workspace, say: Say = silent) -> None:
        self.workspace, self.say = workspace, say

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:  # noqa: B027
        """Close the connections."""

    @abstractmethod
    def home(self, ledger: Ledger, version: str) -> tuple[str, str]:
        """Program and address of the next process of a version; raises EdgeFailure."""

    @abstractmethod
    def reserve(self, version: str) -> AbstractContextManager[None]:
        """Hold the right to start a version; raises EdgeFailure where somebody else holds it."""

    def prepare(self, version: str) -> None:  # noqa: B027
        """Do what a version's start needs and what may take long, before anything is decided.

        Raises EdgeFailure.
        """

    @abstractmethod
    def start(self, version: str, program: str) -> None:
        """Start a version's processes; raises EdgeFailure."""

    @abstractmethod
    def wait_ready(self, version: str, program: str) -> float:
        """Wait until a started version answers its golden rows.

        Returns seconds. Raises CannotStart, NotReadyInTime.
        """

    @abstractmethod
    def warm_up(self, version: str, program: str) -> None:
        """Send small and large batches; raises EdgeFailure where the version fails on them."""

    @abstractmethod
    def drain(self, address: str, revision: int) -> bool:
        """Whether the routers finished their requests to that address in time."""

    @abstractmethod
    def stop(self, program: str) -> None:
        """Stop a version's processes gracefully; nothing happens where there are none."""

    @abstractmethod
    def up(self) -> Stack:
        """Start the router, the ledger's database and the live versions, or repair them."""

    @abstractmethod
    def down(self) -> int:
        """Stop everything, the router first; returns how many programs were stopped."""

    def publish_tokens(self) -> None:  # noqa: B027
        """Hand the named tokens to a router that cannot read their file; raises EdgeFailure."""

    @abstractmethod
    def processes(self) -> dict[str, Process]:
        """What runs, by program; raises EdgeFailure where it cannot be asked."""

    @abstractmethod
    def findings(self, ledger: Ledger | None) -> "Iterator[Finding]":
        """What `doctor` finds here; ledger: None where it cannot be read."""

    @abstractmethod
    def lint_checks(self) -> Iterator[LintCheck]:
        """What `lint` checks for this target, without the network."""

    @abstractmethod
    def retention(self) -> Retention:
        """Which idle versions `collect` leaves, by this target's settings."""

    def unneeded(self) -> dict[str, str]:
        """What was made for versions and no delivered one needs, by name, each with its size."""
        return {}

    def delete_unneeded(self, name: str) -> bool:
        """Delete it; whether that was done, which it is not while somebody uses it."""
        raise NotImplementedError(name)

    def log_errors(self, _ledger: Ledger) -> list[str]:
        """The errors that a platform logged recently, one line per app and code."""
        return []

    def costs(self, _versions: int = TWO_VERSIONS) -> Bill | None:
        """What the router, its database and so many versions at once cost; None where nothing."""
        return None

    def leftovers(self, _versions: Iterable[Version]) -> dict[str, Leftover]:
        """What is left of these versions beside their processes, by version."""
        return {}

    def end_leftover(self, leftover: Leftover) -> None:
        """Stop what of it still runs; raises EdgeFailure where somebody may be starting it."""
        raise NotImplementedError(leftover)

    def delete_leftover(self, leftover: Leftover) -> None:
        """Delete it; raises EdgeFailure where it is in use after all."""
        raise NotImplementedError(leftover)
