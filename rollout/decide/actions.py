"""What a plan asks the operator's edge to do. Values only; deployment/commands/executor.py performs
them, in order.
"""

from dataclasses import dataclass

from rollout.state.ledger import Ledger


@dataclass(frozen=True)
class Start:
    """Start `program`, a process group that serves `version`."""

    version: str
    program: str


@dataclass(frozen=True)
class WaitReady:
    """Wait until `program` has answered the golden rows of `version` correctly."""

    version: str
    program: str


@dataclass(frozen=True)
class WarmUp:
    """Send `program` batches of one and of many rows, so that its first user does not pay for
    it.
    """

    version: str
    program: str


@dataclass(frozen=True)
class RecordRevision:
    """Insert this ledger as the next revision. The act on traffic is this one insert.

    It fails if somebody was first.
    """

    ledger: Ledger
    act: str
    summary: str
    undo: str


@dataclass(frozen=True)
class DrainVersion:
    """Wait until every router follows the newest revision and `version` has nothing in flight."""

    version: str
    program: str


@dataclass(frozen=True)
class Stop:
    """Stop `program` gracefully."""

    program: str


Action = Start | WaitReady | WarmUp | RecordRevision | DrainVersion | Stop
Plan = tuple[Action, ...]
