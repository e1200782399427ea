"""`feedback`: sends a file of late labels to the router, in calls of a bounded size, each repeated
until it is accepted.

The router counts a label once however often it is sent, so an interrupted run is repeated."""

import json
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from deployment.commands.label_file import BadLabels, LabelledRow, classes_by_text, count, labels
from deployment.http_client import Connection, Response, Unreachable, line
from deployment.router_client import url_of_router
from deployment.workspace.bundles import delivered, read_release
from deployment.workspace.errors import EdgeFailure, Interrupted, NotReadyInTime
from deployment.workspace.workspace import Workspace
from rollout.durations import shown_seconds
from targets.base import Say

MOST_LABELS = 1_000
ANSWER_S = 30.0
FIRST_PAUSE_S = 0.5
LONGEST_PAUSE_S = 15.0
SAY_EVERY_S = 5.0
SHOWN_INVALID = 5
# The router cannot answer now, or a proxy in front of it says so.
_AGAIN = (429, 502, 503, 504)
AGAIN_IS_HARMLESS = "run it again: what was counted is not counted twice"


@dataclass
class Tally:
    """Counts so far. rows and sent: rows of the file; the others: labels, of which a row may hold
    several.
    """

    rows: int
    sent: int = 0
    counted: int = 0
    duplicates: int = 0
    invalid: int = 0
    first_invalid: list[dict[str, Any]] = field(default_factory=list)

    def add(self, call: "Call", answer: dict[str, Any]) -> None:
        """Add the router's answer to one call."""
        self.sent += len(call.rows)
        self.counted += answer["counted"]
        self.duplicates += answer["duplicates"]
        self.invalid += len(answer["invalid"]) + answer["invalid_not_listed"]
        for label in answer["invalid"][: SHOWN_INVALID - len(self.first_invalid)]:
            self.first_invalid.append({"row": call.rows[label["index"]], "detail": label["detail"]})

    def so_far(self) -> str:
        """The progress in words."""
        return f"{self.sent} of {self.rows} rows were sent ({self.counted} labels counted)"


@dataclass(frozen=True)
class Call:
    """One call's body, and the file's rows in it."""

    rows: tuple[int, ...]
    body: bytes


def feedback(
    workspace: Workspace,
    path: Path,
    timeout_s: float,
    say: Say,
    pause: Callable[[float], None] = time.sleep,
) -> Tally:
    """Send every label of a file; raises BadLabels (nothing was sent), EdgeFailure, NotReadyInTime,
    Interrupted.
    """
    classes: dict[str, Any] = {}
    if path.suffix.lower() == ".csv":
        classes = classes_by_text(_classes(workspace))

    tally = Tally(count(path, classes))
    url = url_of_router(workspace)
    sender = _Sender(time.monotonic() + timeout_s, shown_seconds(timeout_s), tally, pause)
    spoken = time.monotonic()
    try:
        with line(url, "", ANSWER_S) as router:
            for call in calls(path, labels(path, classes), _most_bytes(workspace)):
                tally.add(call, sender.send(router, call))
                if time.monotonic() - spoken > SAY_EVERY_S:
                    spoken = time.monotonic()
                    say(f"  {tally.so_far()}")
    except KeyboardInterrupt as error:
        raise Interrupted(f"interrupted: {tally.so_far()}; {AGAIN_IS_HARMLESS}") from error

    return tally


def _classes(workspace: Workspace) -> list[Any]:
    """The classes of every delivered version of this model, but of unreadable bundles."""
    classes: list[Any] = []
    for name in delivered(workspace.releases):
        try:
            manifest = read_release(workspace.releases, name).manifest
        except EdgeFailure:
            continue
        if manifest.get("model") == workspace.settings.model:
            classes += manifest.get("classes") or []

    return classes


def calls(path: Path, rows: Iterable[LabelledRow], most_bytes: int) -> Iterator[Call]:
    """The rows as bodies of at most MOST_LABELS rows and `most_bytes`; raises BadLabels for a row
    that is too long.
    """
    numbers: list[int] = []
    pieces: list[bytes] = []
    size = 2
    for row in rows:
        piece = json.dumps(
            {"prediction_id": row.prediction_id, "label": row.label}, separators=(",", ":")
        ).encode()
        if len(piece) + 2 > most_bytes:
            raise BadLabels(
                f"{path}, row {row.row}: {len(piece)} bytes are more than "
                f"router.limits.max_feedback_bytes"
            )

        if len(numbers) == MOST_LABELS or size + len(piece) + 1 > most_bytes:
            yield Call(tuple(numbers), b"[" + b",".join(pieces) + b"]")
            numbers, pieces, size = [], [], 2

        numbers.append(row.row)
        pieces.append(piece)
        size += len(piece) + 1

    if numbers:
        yield Call(tuple(numbers), b"[" + b",".join(pieces) + b"]")


def _most_bytes(workspace: Workspace) -> int:
    limits = workspace.settings.router.limits
    return min(limits.max_feedback_bytes, limits.max_body_bytes)


class _Sender:
    """Sends calls until its deadline."""

    def __init__(
        self, give_up: float, allowed: str, tally: Tally, pause: Callable[[float], None]
    ) -> None:
        self.give_up, self.allowed, self.tally, self.pause = give_up, allowed, tally, pause

    def send(self, router: Connection, call: Call) -> dict[str, Any]:
        """The router's answer to a call; sent again after growing pauses while it cannot answer.

        Raises NotReadyInTime at the deadline, EdgeFailure for any other refusal."""
        wait = FIRST_PAUSE_S
        while True:
            try:
                answer = router.send("/feedback", call.body)
                if answer.status not in _AGAIN:
                    return self._read(answer)

                because = f"the router answered {answer.status}: {_detail(answer)}"
            except Unreachable as error:
                because = f"the router does not answer ({error})"

            if time.monotonic() + wait > self.give_up:
                raise NotReadyInTime(
                    f"after {self.allowed} {self.tally.so_far()}: {because}; {AGAIN_IS_HARMLESS} "
                    f"(--timeout)"
                )

            self.pause(wait)
            wait = min(2 * wait, LONGEST_PAUSE_S)

    def _read(self, answer: Response) -> dict[str, Any]:
        if answer.status != 200:
            raise EdgeFailure(
                f"the router answered {answer.status} to /feedback: {_detail(answer)} "
                f"({self.tally.so_far()})"
            )

        try:
            body = answer.json()
            counts = {name: body[name] for name in ("counted", "duplicates", "invalid")}
            return {**counts, "invalid_not_listed": body.get("invalid_not_listed", 0)}
        except (Unreachable, KeyError, TypeError) as error:
            raise EdgeFailure(
                f"the router's answer to /feedback cannot be read ({self.tally.so_far()})"
            ) from error


def _detail(answer: Response) -> str:
    try:
        return str(answer.json()["detail"])
    except (Unreachable, KeyError, TypeError):
        return "it did not say why"
