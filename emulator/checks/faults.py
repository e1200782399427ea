"""Faults that a test injects: POST /emulator/faults.

kind          what the client meets
html_500      an HTML error page, and nothing was done (also html_503)
reset_before  the connection breaks, and nothing was done
reset_after   the connection breaks after the platform acted
slow          the answer comes `seconds` (real) later
duplicate     the platform acts twice and answers 202
rate_limit    429
cut           an output stream breaks after `bytes`
"""

from dataclasses import dataclass
from fnmatch import fnmatchcase

from emulator.api.errors import invalid

KINDS = frozenset(
    {
        *("html_500", "html_503", "reset_before", "reset_after"),
        *("slow", "duplicate", "rate_limit", "cut"),
    }
)
MOST = 100


@dataclass
class Fault:
    """A fault for the next `times` calls whose method and path (with `*`) match."""

    kind: str
    method: str = "*"
    path: str = "*"
    times: int = 1
    seconds: float = 1.0
    bytes: int = 0

    def matches(self, method: str, path: str) -> bool:
        """Whether the fault is for this call."""
        return fnmatchcase(method, self.method) and fnmatchcase(path, self.path)


class Faults:
    """The waiting faults, in the order in which they were added."""

    def __init__(self) -> None:
        self.waiting: list[Fault] = []

    def add(self, fault: Fault) -> None:
        """Add a fault; raises ApiError 422 for an unknown kind or too many."""
        if fault.kind not in KINDS:
            raise invalid(f"there is no fault {fault.kind!r}; there are {', '.join(sorted(KINDS))}")
        if len(self.waiting) >= MOST:
            raise invalid(f"{MOST} faults are waiting already")
        self.waiting.append(fault)

    def take(self, method: str, path: str) -> Fault | None:
        """The first fault that matches, used once."""
        for fault in self.waiting:
            if fault.matches(method, path):
                fault.times -= 1
                if fault.times <= 0:
                    self.waiting.remove(fault)
                return fault

        return None
