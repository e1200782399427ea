"""The emulator's own account of what happened, for tests and reports: GET /emulator/account."""

from collections import Counter, deque
from dataclasses import asdict, dataclass, field
from typing import Any

KEPT = 10_000


@dataclass
class Exchange:
    """One API call. `fault` names an injected one; `wrong` lists what the schema finds in request
    and reply.
    """

    at: str
    method: str
    path: str
    endpoint: str
    status: int
    seconds: float
    request_id: str
    fault: str = ""
    wrong: list[str] = field(default_factory=list)


class Report:
    """Counts; never a token or a body."""

    def __init__(self) -> None:
        self.exchanges: deque[Exchange] = deque(maxlen=KEPT)
        self.created: Counter[str] = Counter()
        self.requests: Counter[str] = Counter()
        self.other: Counter[str] = Counter(
            validated=0, failed=0, unvalidated=0, unknown=0, not_emulated=0, faults=0
        )
        self.leaks: deque[str] = deque(maxlen=1000)
        self.failures: deque[dict[str, Any]] = deque(maxlen=200)

    def add(self, exchange: Exchange, checked: bool) -> None:
        """Count a call; `checked`: there was a schema to hold it against."""
        self.exchanges.append(exchange)
        self.requests[exchange.endpoint] += 1
        self.other["failed" if exchange.wrong else "validated" if checked else "unvalidated"] += 1
        if exchange.fault:
            self.other["faults"] += 1

        if exchange.wrong:
            self.failures.append(asdict(exchange))

    def shape(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "exchanges": dict(self.other),
            "failures": list(self.failures),
            "requests": dict(self.requests),
            "created": dict(self.created),
            "bearer_leaks": list(self.leaks),
            "log": [asdict(each) for each in self.exchanges],
        }
