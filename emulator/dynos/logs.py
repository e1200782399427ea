"""An app's log: the last 1,500 lines of app, dyno manager, router and API."""

from collections import deque
from dataclasses import dataclass, field
from datetime import UTC, datetime

from emulator.condition import Condition
from emulator.model.ids import new_id

KEPT = 1500
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
    """Appended to by all; read by sessions and drains. `count`: of all lines there ever were."""

    def __init__(self) -> None:
        self.lines: deque[Line] = deque(maxlen=KEPT)
        self.changed = Condition()
        self.count = 0

    def add(self, source: str, dyno: str, text: str) -> None:
        """One line, cut at 10,000 bytes."""
        self.count += 1
        at = datetime.now(UTC).isoformat(timespec="microseconds")
        self.lines.append(Line(self.count, at, source, dyno, text[:LINE_LIMIT]))
        self.changed.notify()


@dataclass
class Session:
    """What was asked to be read, under a short-lived address."""

    log: Log
    lines: int = 100
    tail: bool = False
    source: str = ""
    dyno: str = ""
    id: str = field(default_factory=new_id)

    def wants(self, line: Line) -> bool:
        """Whether source and dyno (web.1, or web for all of them) fit."""
        dyno_fits = not self.dyno or line.dyno == self.dyno or line.dyno.startswith(f"{self.dyno}.")
        return dyno_fits and (not self.source or line.source == self.source)

    def after(self, number: int) -> list[Line]:
        """The wanted lines since that one; at first the last `lines` of them."""
        found = [line for line in self.log.lines if line.number > number and self.wants(line)]
        if number:
            return found
        return found[-self.lines :]
