"""What happened in the emulator, for tests and rehearsals: GET /emulator/account."""

from collections import Counter, deque
from dataclasses import asdict, dataclass, field
from typing import Any

MOST = 10_000


@dataclass
class Exchange:
    """One API call. `fault` names an injected one; `wrong` lists what the schema does not allow in
    request and reply.
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
    """Counts of calls and of what was made. No token and no body is in it."""

    def __init__(self) -> None:
        self.exchanges: deque[Exchange] = deque(maxlen=MOST)
        self.created: Counter[str] = Counter()
        self.requests: Counter[str] = Counter()
        self.other: Counter[str] = Counter(
            validated=0, failed=0, unvalidated=0, unknown=0, not_emulated=0, faults=0
        )
        self.leaks: deque[str] = deque(maxlen=1000)
        self.failures: deque[dict[str, Any]] = deque(maxlen=200)

    def add(self, exchange: Exchange, checked: bool) -> None:
        """Count a call. checked: whether it was validated against a schema."""
        self.exchanges.append(exchange)
        self.requests[exchange.endpoint] += 1
        if exchange.fault:
            self.other["faults"] += 1

        if exchange.wrong:
            self.other["failed"] += 1
            self.failures.append(asdict(exchange))
        elif checked:
            self.other["validated"] += 1
        else:
            self.other["unvalidated"] += 1

    def serialize(self) -> dict[str, Any]:
        """The report's JSON."""
        return {
            "exchanges": dict(self.other),
            "failures": list(self.failures),
            "requests": dict(self.requests),
            "created": dict(self.created),
            "bearer_leaks": list(self.leaks),
            "log": list(map(asdict, self.exchanges)),
        }
