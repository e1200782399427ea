"""Webhook messages: one revision as JSON, signed with its time."""

import hashlib
import hmac
from dataclasses import dataclass
from typing import Any

import msgspec

from rollout.errors import Refusal
from rollout.state.ledger import from_body
from store.entry import Entry

MOST_BYTES = 65_536
LONGEST_REASON = 2_000


@dataclass(frozen=True)
class Message:
    """One revision. id: the entry's hash. event: the act. body: JSON of at most MOST_BYTES."""

    revision: int
    id: str
    event: str
    body: bytes


def message_of(entry: Entry) -> Message:
    """The message of an entry; its verdict is left out where that makes it too long."""
    fields = _fields(entry)
    body = msgspec.json.encode(fields)
    if len(body) > MOST_BYTES:
        body = msgspec.json.encode({**fields, "verdict": None})
    return Message(entry.revision, entry.hash, entry.action, body)


def headers(message: Message, secret: bytes, now: int) -> dict[str, str]:
    """The headers of one attempt, which is signed by itself. now: epoch seconds."""
    return {
        "Content-Type": "application/json",
        "User-Agent": "sluice",
        "X-Sluice-Event": message.event.encode("ascii", "replace").decode(),
        "X-Sluice-Delivery": message.id,
        "X-Sluice-Timestamp": str(now),
        "X-Sluice-Signature": signature(message.body, secret, now),
    }


def signature(body: bytes, secret: bytes, now: int) -> str:
    """`sha256=` and the hex HMAC-SHA-256 over `TIMESTAMP.BODY`."""
    return "sha256=" + hmac.new(secret, b"%d." % now + body, hashlib.sha256).hexdigest()


def _fields(entry: Entry) -> dict[str, Any]:
    return {
        "model": entry.model,
        "revision": entry.revision,
        "action": entry.action,
        "actor": entry.actor,
        "reason": entry.reason[:LONGEST_REASON],
        "at": entry.at.isoformat(),
        **_state(entry),
        "verdict": entry.body.get("verdict"),
        "hash": entry.hash,
    }


def _state(entry: Entry) -> dict[str, Any]:
    """The state after the act, in percent; nulls where a newer Sluice wrote another format."""
    try:
        ledger = from_body(entry.body, entry.revision)
    except Refusal:
        return {"released": None, "split": None, "rollout": None}

    weights = ledger.split.weights() if ledger.split else {}
    split = {version: weight / 100 for version, weight in weights.items()}
    rollout = ledger.rollout
    described = None
    if rollout is not None:
        described = {**rollout.outline(), "steps": len(rollout.steps)}

    return {"released": ledger.released, "split": split, "rollout": described}
