"""The record, on SQLite or PostgreSQL by the same code: append-only ledger, feedback, evidence and lease."""

from store.engine import engine
from store.errors import Conflict, LedgerBroken, StoreError, StoreUnavailable, Unstorable
from store.evidence import EvidenceRow, EvidenceStore
from store.feedback import Feedback, FeedbackStore
from store.leases import Lease, LeaseStore, Patience
from store.ledger import Entry, LedgerStore

__all__ = [
    "Conflict",
    "Entry",
    "EvidenceRow",
    "EvidenceStore",
    "Feedback",
    "FeedbackStore",
    "Lease",
    "LeaseStore",
    "LedgerBroken",
    "LedgerStore",
    "Patience",
    "StoreError",
    "StoreUnavailable",
    "Unstorable",
    "engine",
]
