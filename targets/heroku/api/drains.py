"""Log drains: an app's log is sent to an address. The address is a secret: no message has it."""

from typing import Any
from urllib.parse import urlsplit

from targets.heroku.api.client import Client
from targets.heroku.errors import HerokuFailure, Refused


def drained(client: Client, app: str, url: str) -> bool:
    """Whether the app's log goes to that address, with that secret."""
    return _find(client, app, url) is not None


def ensure_drain(client: Client, app: str, url: str) -> bool:
    """Send the app's log to an address; returns False where that was so already.

    A drain to the same path with another secret, or an older address of the router, is removed.
    Raises HerokuFailure without the address, which the platform's own message would quote.
    """
    exists = False
    for drain in client.list_all(_path(app)):
        if drain["url"] == url:
            exists = True
        elif _purpose(drain["url"]) == _purpose(url):
            client.delete(f"{_path(app)}/{drain['id']}")

    if exists:
        return False

    try:
        client.post(_path(app), {"url": url}, look=lambda: _find(client, app, url))
    except Refused as error:
        raise HerokuFailure(
            f"{app} can have no log drain to the router ({error.status} {error.id}, request "
            f"{error.request_id}): five are the most, `heroku drains -a {app}` lists them"
        ) from None

    return True


def _find(client: Client, app: str, url: str) -> Any:
    for drain in client.list_all(_path(app)):
        if drain["url"] == url:
            return drain
    return None


def _purpose(url: str) -> tuple[str | None, str]:
    """User and path: what stays while secrets and addresses change."""
    parts = urlsplit(url)
    return parts.username, parts.path


def _path(app: str) -> str:
    return f"/apps/{app}/log-drains"
