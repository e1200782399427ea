"""What the operator's side asks of the router: its status, and whether a version is drained.

HTTP is imported where it is used: most acts only check which model is served.
"""

import re
import time
from collections.abc import Callable
from typing import Any

from deployment.workspace.errors import EdgeFailure, Misconfigured
from deployment.workspace.text_file import read_line
from deployment.workspace.workspace import Workspace

POLL_S = 0.05
REMEDY = (
    "`python deploy.py down`, then `up` hands it the one in secrets/operator of the state folder"
)
AGAIN = "`python deploy.py down`, then `up` makes it anew"
_ADDRESS = re.compile(r"https?://([^\s/@?#]+:[0-9]{1,5}|[^\s/@?#:]+)/?")


class RouterAway(Exception):
    """The router does not answer; the message says why."""


def router_url(workspace: Workspace) -> str | None:
    """The router's address, as `up` chose it; None where it was not started.

    Raises Misconfigured where the file that keeps it was damaged.
    """
    url = read_line(workspace.url_file, AGAIN)
    if url is not None and not _ADDRESS.fullmatch(url):
        raise Misconfigured(f"{workspace.url_file} holds no address of a router: {AGAIN}")
    return url


def check_model(workspace: Workspace) -> None:
    """Raise EdgeFailure where the router here serves another model than deploy.toml names.

    The other model's ledger names what runs here: nothing may be stopped or started by this one's.
    """
    served = read_line(workspace.model_file, AGAIN)
    if served is not None and served != workspace.settings.model:
        raise EdgeFailure(
            f"the router of {workspace.state} serves the model {served!r}, deploy.toml says "
            f"{workspace.settings.model!r}: correct `model`, or `python deploy.py down` first, or "
            "give this model a state of its own (SLUICE_STATE)"
        )


def router_lives(url: str, timeout_s: float = 1.0) -> bool:
    """Whether the router's liveness endpoint answers."""
    from deployment.http_client import Unreachable, line

    try:
        with line(url, "", timeout_s) as router:
            return router.get("/v2/health/live").status == 200
    except Unreachable:
        return False


def router_status(workspace: Workspace, token: str, timeout_s: float = 2.0) -> dict[str, Any]:
    """The router's GET /status, asked with the operator's token; raises RouterAway."""
    from deployment.http_client import Unreachable, line

    url = router_url(workspace)
    if url is None:
        raise RouterAway("the router was not brought up: `python deploy.py up`")

    try:
        with line(url, token, timeout_s) as router:
            answer = router.get("/status")
        if answer.status == 401:
            raise RouterAway(
                f"the router at {url} does not take this stack's operator token: {REMEDY}"
            )
        if answer.status != 200:
            raise RouterAway(f"the router at {url} answered {answer.status} to /status")
        return dict(answer.json())
    except Unreachable as error:
        raise RouterAway(f"the router at {url} does not answer ({error})") from error
    except (ValueError, TypeError) as error:
        raise RouterAway(f"the router at {url} gave a status that cannot be read") from error


def url_of_router(workspace: Workspace) -> str:
    """The router's address; raises EdgeFailure where it was not started."""
    url = router_url(workspace)
    if url is None:
        raise EdgeFailure("the router was not brought up: `python deploy.py up` first")
    return url


def read_id(
    workspace: Workspace, operator: str, token: str, timeout_s: float = 5.0
) -> dict[str, Any]:
    """What a prediction's id says, read by the router; raises EdgeFailure."""
    from urllib.parse import quote

    from deployment.http_client import Unreachable, line

    url = url_of_router(workspace)
    try:
        with line(url, operator, timeout_s) as router:
            answer = router.get(f"/whoserved/{quote(token, safe='')}")
            value = answer.json()
        if answer.status == 401:
            raise EdgeFailure(
                f"the router at {url} does not take this stack's operator token: {REMEDY}"
            )
        if answer.status != 200:
            raise EdgeFailure(str(value["detail"]))
        return dict(value)
    except Unreachable as error:
        raise EdgeFailure(
            f"the router at {url} does not answer ({error}): `python deploy.py status`"
        ) from error
    except (ValueError, TypeError, KeyError) as error:
        raise EdgeFailure(
            f"the router at {url} gave an answer to /whoserved that cannot be read"
        ) from error


def wait_drained(workspace: Workspace, token: str, revision: int, address: str) -> bool:
    """Wait until every router worker follows `revision` and nothing is in flight to `address`.

    True at once where no router runs; False when the time that deploy.toml allows is over.
    """
    give_up = time.monotonic() + workspace.settings.deployment.drain_timeout_s
    while time.monotonic() < give_up:
        try:
            if is_drained(router_status(workspace, token), revision, address):
                return True
        except RouterAway:
            url = router_url(workspace)
            if url is None or not router_lives(url):
                return True
        time.sleep(POLL_S)

    return False


def is_drained(status: dict[str, Any], revision: int, address: str) -> bool:
    """Whether a status shows that. An address that no worker lists has nothing in flight."""
    for answer in [status, *(status.get("workers") or [])]:
        if answer.get("revision", 0) < revision:
            return False

    for version in (status.get("versions") or {}).values():
        if (version.get("addresses") or {}).get(address, 0):
            return False
    return True


def wait_router(workspace: Workspace, url: str, ended: Callable[[], str | None]) -> None:
    """Wait until the router answers; raises EdgeFailure naming its log where it ended or timed out.

    ended: why it ended, None while it runs
    """
    give_up = time.monotonic() + workspace.settings.deployment.ready_timeout_s
    while not router_lives(url):
        if (because := ended()) is not None:
            raise EdgeFailure(
                f"the router ended at once ({because}): read {workspace.log / 'router.log'}"
            )
        if time.monotonic() > give_up:
            raise EdgeFailure(
                f"the router does not answer at {url}: read {workspace.log / 'router.log'}"
            )
        time.sleep(POLL_S)
