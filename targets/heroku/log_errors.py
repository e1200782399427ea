"""Heroku's error codes in the apps' recent logs, counted, each with its cause and the next step.

They are for people. Nothing is decided by them, for a log keeps few lines and loses some.
"""

import queue
import threading
from collections.abc import Mapping

from deployment.workspace.errors import EdgeFailure
from deployment.workspace.workspace import Workspace
from rollout.state.ledger import Ledger
from targets.heroku.api.client import Client
from targets.heroku.api.logs import error_codes, recent_lines
from targets.heroku.app_group import open_app_group
from targets.heroku.processes import SOON

LINES = 200
DEADLINE_S = 8.0
UNREADABLE = "Heroku's logs could not be read"
ROUTER = "router"
SIZE = "SIZE"
CAUSES = {
    "R10": (
        "its process took longer than 60 s to listen: fewer workers, a smaller model, or a larger "
        "SIZE"
    ),
    "R12": "it did not end within 30 s when it was told to: requests were cut off",
    "R13": "a one-off process could not be reached",
    "R14": "its dyno is short of memory and swaps: larger SIZE",
    "R15": "its dyno used twice its memory and was killed: larger SIZE",
    "H10": "its process crashed: `heroku logs` tells why",
    "H11": "more requests wait than it can take: more dynos or a larger SIZE",
    "H12": "no answer within 30 s: a slow model, or larger SIZE",
    "H13": (
        "it closed connections without an answer: a process died, or its keep-alive is below 90 s"
    ),
    "H14": "it has no dyno: `python deploy.py up`",
    "H15": "an answer stood still for 55 s",
    "H18": "it broke off in the middle of an answer: a process died",
    "H19": "connections to it timed out: it starts, or has too much to do",
    "H20": "it was not up within 75 s: it boots too slowly",
    "H21": "connections to it were refused: it starts, or has crashed",
    "H28": "a client stood still for 55 s",
    "H80": "its app is in maintenance mode: `heroku maintenance:off`",
    "H81": "nothing was ever deployed to it: `python deploy.py up`",
    "H99": "Heroku's own fault: https://status.heroku.com",
    "R99": "Heroku's own fault: https://status.heroku.com",
    "L10": "its log came faster than Heroku keeps it: lines are missing",
}
OTHER = "https://devcenter.heroku.com/articles/error-codes"
# A client that went away: copies that a shadow no longer waits for look like that.
HARMLESS = ("H27",)


def complaints(workspace: Workspace, ledger: Ledger, deadline_s: float = DEADLINE_S) -> list[str]:
    """One line per app and code, the router's first; none where there are no errors.

    Logs that cannot be read, or not before the deadline (seconds), are one line too.
    """
    answers: queue.Queue[list[str]] = queue.Queue()

    def ask() -> None:
        try:
            answers.put(_all_lines(workspace, ledger))
        except EdgeFailure as error:
            answers.put([f"{UNREADABLE}: {error}"])
        except Exception as error:  # noqa: BLE001
            # Whatever it is, the rest of the status is still worth showing.
            answers.put([f"{UNREADABLE}: {type(error).__name__}: {error}"])

    # A thread that is still waiting then ends with the program.
    threading.Thread(target=ask, daemon=True).start()
    try:
        return answers.get(timeout=deadline_s)
    except queue.Empty:
        return [f"{UNREADABLE}: timed out after {deadline_s:g} s"]


def _all_lines(workspace: Workspace, ledger: Ledger) -> list[str]:
    with open_app_group(workspace, patience=SOON) as group:
        all_lines = lines(ROUTER, _codes(group.client, group.router))
        for version in ledger.live():
            all_lines += lines(version.name, _codes(group.client, version.program))
    return all_lines


def lines(name: str, codes: Mapping[str, int]) -> list[str]:
    """The most frequent code first, such as `v2: R14 x 12 in its last 200 log lines: ...`."""
    size = "heroku.router_size" if name == ROUTER else "heroku.version_size"
    reported = []
    for code, count in sorted(codes.items(), key=lambda item: (-item[1], item[0])):
        if code not in HARMLESS:
            cause = CAUSES.get(code, OTHER).replace(SIZE, size)
            reported.append(f"{name}: {code} x {count} in its last {LINES} log lines: {cause}")
    return reported


def _codes(client: Client, app: str) -> dict[str, int]:
    return error_codes(recent_lines(client, app, LINES, source="heroku"))
