"""What the record refuses.

StoreError
  x Conflict          somebody else wrote this revision first
  x StoreUnavailable  the database cannot be reached or used now
  x LedgerBroken      what is stored is not what was once appended
  x StoreFull         there is no room for more of it
  x Unstorable        what was given cannot be recorded faithfully
"""

from store.entry import Entry


class StoreError(Exception):
    """Root of everything the record refuses; the text is a cause and a next step."""


class Conflict(StoreError):
    """A revision was taken; `winner` is the entry that has it."""

    def __init__(self, winner: Entry) -> None:
        self.winner = winner
        act = f"`{winner.action}`"
        if winner.reason:
            act += f" ({winner.reason})"

        super().__init__(
            f"{winner.actor} was first: revision {winner.revision} of {winner.model} is their "
            f"{act} at {winner.at:%Y-%m-%d %H:%M:%S} UTC; nothing of yours was recorded. "
            f"Look at the ledger again, then repeat your act if it is still wanted."
        )

    def __reduce__(self) -> tuple[type["Conflict"], tuple["Entry"]]:
        """Rebuild from the winner, so that a pool of processes can hand this error on."""
        return Conflict, (self.winner,)


class StoreUnavailable(StoreError):
    """The database cannot be reached, is locked, or has no tables; the password is never in the
    text.
    """


class StoreFull(StoreError):
    """The number of stored rows has reached its bound, and none of them may be deleted."""


class LedgerBroken(StoreError):
    """The chain does not hold at `revision`; `why` says what is wrong there."""

    def __init__(self, revision: int, why: str) -> None:
        self.revision, self.why = revision, why
        super().__init__(
            f"The ledger does not hold at revision {revision}: {why}. Somebody changed the "
            f"database by hand; restore it from a backup, or trust only the revisions before "
            f"this one."
        )

    def __reduce__(self) -> tuple[type["LedgerBroken"], tuple[int, str]]:
        """Rebuild from revision and reason, so that a pool of processes can hand this error on."""
        return LedgerBroken, (self.revision, self.why)


class Unstorable(StoreError):
    """A value cannot be recorded as it is; `index` is its position in the list that was given."""

    def __init__(self, field: str, why: str, index: int | None = None) -> None:
        self.field, self.why, self.index = field, why, index
        where = field
        if index is not None:
            where = f"row {index}, {field}"

        super().__init__(f"Nothing was recorded: {where} {why}.")

    def __reduce__(self) -> tuple[type["Unstorable"], tuple[str, str, int | None]]:
        """Rebuild from its parts, so that a pool of processes can hand this error on."""
        return Unstorable, (self.field, self.why, self.index)
