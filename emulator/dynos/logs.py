"""An app's log: the last 1,500 lines of app, dyno manager, router and API."""

from collections import deque
from dataclasses import dataclass, field
from datetime import UTC, datetime

from emulator.condition import Condition
from emulator.model.ids import new_id

MOST_LINES = 1500
LINE_LIMIT = 10_000


@dataclass(frozen=True)
class Line:
    """`source` is app or heroku; `dyno` is web.1, router, api and the like."""

    number: int
    at: str
    source: str
    dyno: str
    text: str

    def __str__(self) -> str:
        return f"{self.at} {self.source}[{self.dyno}]: {self.text}"


class Log:
    """All parts of the platform write it; sessions and drains read it. count: of all lines ever."""

    def __init__(self) -> None:
        self.lines: deque[Line] = deque(maxlen=MOST_LINES)
        self.changed = Condition()
        self.count = 0

    def add(self, source: str, dyno: str, text: str) -> None:
        """Add one line, cut at 10,000 characters."""
        self.count += 1
        at = datetime.now(UTC).isoformat(timespec="microseconds")
        self.lines.append(Line(self.count, at, source, dyno, text[:LINE_LIMIT]))
        self.changed.notify()


@dataclass
class Session:
    """A request to read a log: which lines, and whether those that come later too."""

    log: Log
    lines: int = 100
    tail: bool = False
    source: str = ""
    dyno: str = ""
    id: str = field(default_factory=new_id)

    def matches(self, line: Line) -> bool:
        """Whether source and dyno (web.1, or web for all of them) match."""
        if self.source and line.source != self.source:
            return False
        return self.dyno in ("", line.dyno) or line.dyno.startswith(f"{self.dyno}.")

    def after(self, number: int) -> list[Line]:
        """The matching lines after that number; for 0, the last `lines` of them."""
        lines = [line for line in self.log.lines if line.number > number and self.matches(line)]
        if number:
            return lines
        return lines[-self.lines :]
