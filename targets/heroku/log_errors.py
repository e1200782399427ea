"""What Heroku itself says against the apps of late: its error codes, counted, with the cause and
what helps.

It is for people: nothing is decided by it, for a log keeps few lines and loses some.
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
    """One line an app and code, the router's first, none where all is well; ends at its deadline,
    and says so.

    What cannot be read is one line too.
    """
    programs = {version.name: version.program for version in ledger.live()}
    found: queue.Queue[dict[str, dict[str, int]] | str] = queue.Queue()

    def ask() -> None:
        try:
            with open_app_group(workspace, patience=SOON) as group:
                programs_too = {ROUTER: group.router, **programs}
                found.put({who: _codes(group.client, app) for who, app in programs_too.items()})
        except EdgeFailure as error:
            found.put(str(error))
        except Exception as error:  # noqa: BLE001
            # Whatever it is, the rest of the picture is still worth showing.
            found.put(f"{type(error).__name__}: {error}")

    # A thread that is still waiting then ends with the program.
    threading.Thread(target=ask, daemon=True).start()
    try:
        counted = found.get(timeout=deadline_s)
    except queue.Empty:
        counted = f"not within {deadline_s:g} s"

    if isinstance(counted, str):
        return [f"Heroku's logs could not be read: {counted}"]

    return [line for who, codes in counted.items() for line in lines(who, codes)]


def lines(who: str, codes: Mapping[str, int]) -> list[str]:
    """`v2: R14 x 12 in its last 200 log lines: its dyno is short of memory and swaps: larger
    heroku.version_size`.
    """
    size = "heroku.router_size" if who == ROUTER else "heroku.version_size"
    return [
        f"{who}: {code} x {count} in its last {LINES} log lines: "
        f"{CAUSES.get(code, OTHER).replace(SIZE, size)}"
        for code, count in sorted(codes.items(), key=lambda item: (-item[1], item[0]))
        if code not in HARMLESS
    ]


def _codes(client: Client, app: str) -> dict[str, int]:
    return error_codes(recent_lines(client, app, LINES, source="heroku"))
