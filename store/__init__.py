"""The record, on SQLite or PostgreSQL by the same code: append-only ledger, feedback, evidence and
lease.

What needs SQLAlchemy is imported when it is asked for: a command that only acts on the ledger never
waits for it."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from store.entry import Entry
from store.errors import Conflict, LedgerBroken, StoreError, StoreUnavailable, Unstorable
from store.ledger import LedgerStore

if TYPE_CHECKING:
    from store.evidence import EvidenceRow, EvidenceStore
    from store.feedback import Feedback, FeedbackStore
    from store.leases import Lease, LeaseStore, LeaseTimes

__all__ = [
    "Conflict",
    "Entry",
    "EvidenceRow",
    "EvidenceStore",
    "Feedback",
    "FeedbackStore",
    "Lease",
    "LeaseStore",
    "LeaseTimes",
    "LedgerBroken",
    "LedgerStore",
    "StoreError",
    "StoreUnavailable",
    "Unstorable",
]

_LATER = {
    "EvidenceRow": "store.evidence",
    "EvidenceStore": "store.evidence",
    "Feedback": "store.feedback",
    "FeedbackStore": "store.feedback",
    "Lease": "store.leases",
    "LeaseStore": "store.leases",
    "LeaseTimes": "store.leases",
}


def __getattr__(name: str) -> Any:
    """Import what needs SQLAlchemy with its first use."""
    if name not in _LATER:
        raise AttributeError(f"module 'store' has no attribute {name!r}")
    return getattr(import_module(_LATER[name]), name)
