"""Faults that are asked for: POST /emulator/faults.

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
        "html_500",
        "html_503",
        "reset_before",
        "reset_after",
        "slow",
        "duplicate",
        "rate_limit",
        "cut",
    }
)
MOST = 100


@dataclass
class Fault:
    """Meets the next `times` calls whose method and path (with `*`) fit."""

    kind: str
    method: str = "*"
    path: str = "*"
    times: int = 1
    seconds: float = 1.0
    bytes: int = 0

    def fits(self, method: str, path: str) -> bool:
        """Whether this call is meant."""
        return fnmatchcase(method, self.method) and fnmatchcase(path, self.path)


class Faults:
    """The waiting ones, in the order they were asked for."""

    def __init__(self) -> None:
        self.waiting: list[Fault] = []

    def ask(self, fault: Fault) -> None:
        """Add one; raises ApiError 422 for an unknown kind or too many."""
        if fault.kind not in KINDS:
            raise invalid(f"there is no fault {fault.kind!r}; there are {', '.join(sorted(KINDS))}")
        if len(self.waiting) >= MOST:
            raise invalid(f"{MOST} faults are waiting already")
        self.waiting.append(fault)

    def take(self, method: str, path: str) -> Fault | None:
        """The first that fits, used up by one."""
        fault = next((each for each in self.waiting if each.fits(method, path)), None)
        if fault:
            fault.times -= 1
            self.waiting = [each for each in self.waiting if each.times > 0]
        return fault
