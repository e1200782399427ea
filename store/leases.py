"""Which process controls the rollouts of a model: one at a time, and soon another one when that one
is gone.

No time is recorded, so a clock that jumps changes nothing. The holder makes the lease's beat grow;
a follower that has seen one beat for long enough on its own monotonic clock takes the lease over,
by compare and set. A holder that was halted for long learns that it has lost the lease only when it
renews: what it does must be refused when somebody else did it, as a revision of the ledger is."""

from dataclasses import dataclass

from sqlalchemy import Engine, select, update
from sqlalchemy.dialects import postgresql, sqlite

from store.engine import statements
from store.ledger import require_text
from store.schema import LEASES


@dataclass(frozen=True)
class Lease:
    """`holder`: one life of one process, a name never used again; `beat`: grows with each renewal
    and each taking.
    """

    holder: str
    beat: int


class LeaseStore:
    """The lease of one model. Its table is made by LedgerStore.create. Threads may share it.

    Every method raises StoreUnavailable when the database cannot be used, and works again when it
    can; Unstorable for a name that a database would not give back as it was."""

    def __init__(self, engine: Engine, model: str) -> None:
        self._engine = engine
        self.model = model
        self._of_model = LEASES.c.model == model
        insert = (sqlite if engine.dialect.name == "sqlite" else postgresql).insert
        self._insert = (
            insert(LEASES).on_conflict_do_nothing(index_elements=["model"]).returning(LEASES.c.beat)
        )
        self._update = update(LEASES).where(self._of_model).returning(LEASES.c.beat)

    def look(self) -> Lease | None:
        """Return the lease as it stands, None if nobody ever took it."""
        require_text("model", self.model)
        with statements(self._engine) as connection:
            row = connection.execute(
                select(LEASES.c.holder, LEASES.c.beat).where(self._of_model)
            ).one_or_none()

        if row:
            return Lease(*row)
        return None

    def take(self, seen: Lease | None, holder: str) -> Lease | None:
        """Take the lease if it is still as it was `seen` (None: nobody had it); None where somebody
        was faster.

        After StoreUnavailable it may be taken all the same: look, and renew a lease of your
        name."""
        require_text("model", self.model)
        require_text("holder", holder)
        beat = seen.beat if seen else 0
        taken = Lease(holder, beat + 1)
        values = {"holder": taken.holder, "beat": taken.beat}
        with statements(self._engine) as connection:
            if seen is None:
                done = connection.execute(self._insert, {"model": self.model, **values})
            else:
                still = (LEASES.c.holder == seen.holder, LEASES.c.beat == seen.beat)
                done = connection.execute(self._update.where(*still).values(values))
            if done.one_or_none():
                return taken
            return None

    def renew(self, lease: Lease) -> Lease | None:
        """Return the lease with its next beat; None where somebody else has taken it.

        Only the holder's name is compared, so a renewal that was recorded without an answer loses
        nothing."""
        require_text("model", self.model)
        again = self._update.where(LEASES.c.holder == lease.holder).values(beat=LEASES.c.beat + 1)
        with statements(self._engine) as connection:
            row = connection.execute(again).one_or_none()
        if row:
            return Lease(lease.holder, row[0])
        return None


class LeaseTimes:
    """When a follower may take the lease over: it saw the same beat for `wait_s` seconds, or nobody
    ever had it.

    The holder must renew several times in that. Begin anew with other LeaseTimes after a look that
    failed: while the record was away the holder could not renew either."""

    def __init__(self, wait_s: float) -> None:
        self._wait_s = wait_s
        self._seen: Lease | None = None
        self._since = 0.0

    def may_take(self, seen: Lease | None, now: float) -> bool:
        """Whether to take what was just `seen`; `now` in seconds of the caller's monotonic
        clock.
        """
        if seen is None:
            return True
        if seen != self._seen:
            self._seen, self._since = seen, now
        return now - self._since >= self._wait_s
