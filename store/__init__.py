"""The record: the append-only ledger and the feedback, on SQLite or PostgreSQL, by the same code."""

from store.engine import engine
from store.errors import Conflict, LedgerBroken, StoreError, StoreUnavailable, Unstorable
from store.feedback import Feedback, FeedbackStore
from store.ledger import Entry, LedgerStore

__all__ = [
    "Conflict",
    "Entry",
    "Feedback",
    "FeedbackStore",
    "LedgerBroken",
    "LedgerStore",
    "StoreError",
    "StoreUnavailable",
    "Unstorable",
    "engine",
]
