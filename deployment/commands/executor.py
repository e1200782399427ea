"""Performs the actions of a plan, in order.

What was started before the ledger was written is stopped again if the act fails. Traffic moves with
the one insert into the ledger; after that nothing is undone, whatever happens."""

from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from functools import cached_property
from types import TracebackType

from deployment.workspace.errors import EdgeFailure, Interrupted
from deployment.workspace.interrupts import uninterrupted
from deployment.workspace.ledger import Unsure, entry_of, refuse_if_moved, write
from rollout.decide.actions import (
    Action,
    DrainVersion,
    Plan,
    RecordRevision,
    Start,
    Stop,
    WaitReady,
    WarmUp,
)
from rollout.state.ledger import Ledger
from store.entry import Entry
from store.ledger import LedgerStore
from targets.base import Say, Target


class Performer:
    """Performs the plans of one act; used as a context, which frees what it reserved."""

    def __init__(
        self,
        target: Callable[[], AbstractContextManager[Target]],
        store: LedgerStore,
        actor: str,
        reason: str,
        now: float,
        say: Say,
    ) -> None:
        """target: opened when the plan first needs it; most plans write the record alone."""
        self.store, self.say = store, say
        self._open_target = target
        self.actor, self.reason, self.now = actor, reason, now
        self.started: list[str] = []
        self._proven: set[str] = set()
        self._trying: RecordRevision | None = None
        self._written: Entry | None = None
        self._held = ExitStack()

    def __enter__(self) -> "Performer":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        """Stop what was started unless the act was recorded; Ctrl-C becomes Interrupted."""
        with self._held:
            if kind is None or isinstance(error, Unsure):
                return
            with uninterrupted():
                self._clean_up()
            if isinstance(error, KeyboardInterrupt):
                raise Interrupted(self._what_was_done()) from error

    @cached_property
    def target(self) -> Target:
        """Where versions run; freed with what was reserved."""
        return self._held.enter_context(self._open_target())

    def perform(self, plan: Plan, before: Ledger) -> Entry | None:
        """Perform every action in order; returns the entry that was recorded.

        Called again after a Conflict it repeats nothing that was started and proven.
        """
        for action in plan:
            self._perform(action, before)
        return self._written

    def _perform(self, action: Action, before: Ledger) -> None:
        match action:
            case Start(version, program):
                self._start(version, program, before)
            case WaitReady(version, program):
                self._wait_ready(version, program)
            case WarmUp(version, program):
                self._warm_up(version, program)
            case RecordRevision():
                self._trying = action
                self._written = write(self.store, action, self.actor, self.reason, self.now)
            case DrainVersion(version, program):
                self._drain(version, before)
            case Stop(program):
                self.target.stop(program)
                self.say(f"{program} stopped")

    def _start(self, version: str, program: str, before: Ledger) -> None:
        if program in self.started:
            return

        self._held.enter_context(self.target.reserve(version))
        refuse_if_moved(self.store, before)
        self.started.append(program)
        self.target.start(version, program)
        self.say(f"{version} started as {program}")

    def _wait_ready(self, version: str, program: str) -> None:
        if program not in self._proven:
            seconds = self.target.wait_ready(version, program)
            self.say(f"{version} answers its golden rows ({seconds:.1f} s)")

    def _warm_up(self, version: str, program: str) -> None:
        if program not in self._proven:
            self.target.warm_up(version, program)
            self._proven.add(program)

    def _drain(self, version: str, before: Ledger) -> None:
        revision = before.revision
        if self._written:
            revision = self._written.revision

        if not self.target.drain(before.version(version).address, revision):
            self.say(f"{version} still had requests in flight when the drain timed out")

    def _clean_up(self) -> None:
        """Stop what was started, unless the record has it: then it belongs to the ledger."""
        if self._written is None and self._trying is not None:
            entry = entry_of(self.store, self._trying, self.actor, self.now)
            if isinstance(entry, Exception):
                return
            self._written = entry

        if self._written is None:
            for program in reversed(self.started):
                self._stop_again(program)

    def _stop_again(self, program: str) -> None:
        try:
            self.target.stop(program)
            self.say(f"{program} stopped again")
        except EdgeFailure as error:
            self.say(f"{program} may still run, `python deploy.py up` ends it: {error}")

    def _what_was_done(self) -> str:
        if self._written is not None:
            return (
                f"interrupted, but '{self._written.action}' is done (revision "
                f"{self._written.revision}); if an old process still runs, `python deploy.py up` "
                "ends it"
            )

        if not self.started:
            return "interrupted: nothing was recorded and no traffic moved"
        return (
            "interrupted: nothing was recorded and no traffic moved; "
            f"{', '.join(self.started)} was started and is stopped again"
        )
