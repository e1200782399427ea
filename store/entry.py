"""One act of the ledger, as it is stored."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any


@dataclass(frozen=True)
class Entry:
    """One act: `body` is the whole ledger after it, `at` its time in UTC, `hash` binds it to all
    before it.
    """

    model: str
    revision: int
    body: dict[str, Any]
    action: str
    actor: str
    reason: str
    at: datetime
    previous_hash: str
    hash: str
