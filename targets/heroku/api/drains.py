"""Log drains: what an app and the platform say goes on to an address. It holds a secret, so no
message names it.
"""

from typing import Any
from urllib.parse import urlsplit

from targets.heroku.api.client import Client
from targets.heroku.errors import HerokuFailure, Refused


def drained(client: Client, app: str, url: str) -> bool:
    """Whether the app's log goes to that address, with that secret."""
    return any(each["url"] == url for each in client.listed(_path(app)))


def ensure_drain(client: Client, app: str, url: str) -> bool:
    """Send the app's log there; returns False where it goes there already.

    One that was for the same path and has another secret, or an older address of the router, is
    removed.

    Raises HerokuFailure without the address: what the platform refuses it quotes.
    """
    there = [each for each in client.listed(_path(app)) if _purpose(each["url"]) == _purpose(url)]
    for each in there:
        if each["url"] != url:
            client.delete(f"{_path(app)}/{each['id']}")

    if any(each["url"] == url for each in there):
        return False

    try:
        client.post(_path(app), {"url": url}, look=lambda: _find(client, app, url))
    except Refused as error:
        raise HerokuFailure(
            f"{app} can have no log drain to the router ({error.status} {error.id}, request "
            f"{error.request_id}): "
            f"five are the most, `heroku drains -a {app}` lists them"
        ) from None

    return True


def _find(client: Client, app: str, url: str) -> Any:
    return next((each for each in client.listed(_path(app)) if each["url"] == url), None)


def _purpose(url: str) -> tuple[str | None, str]:
    """User and path: what stays while secrets and addresses change."""
    parts = urlsplit(url)
    return parts.username, parts.path


def _path(app: str) -> str:
    return f"/apps/{app}/log-drains"
