"""Log drains: addresses that an app's log goes on to."""

from urllib.parse import urlsplit

from emulator.api.call import Call, Reply, Route
from emulator.api.errors import invalid, not_emulated, not_found
from emulator.model import serializers
from emulator.model.state import App, Drain

MOST = 5
LOOPBACK = ("127.0.0.1", "localhost")


def listed(call: Call) -> Reply:
    """All of an app."""
    return Reply([serializers.drain(each) for each in call.app().drains])


def info(call: Call) -> Reply:
    """One by id, token or address."""
    return Reply(serializers.drain(_find(call, call.app())))


def create(call: Call) -> Reply:
    """The lines from now on go there."""
    app, url = call.app(), call.text("url")
    _check(call, app, url)
    drain = Drain(app, url)
    app.drains.append(drain)
    call.platform.draining.begin(drain)
    return Reply(serializers.drain(drain), 201)


def delete(call: Call) -> Reply:
    """No more lines go there."""
    app = call.app()
    drain = _find(call, app)
    app.drains.remove(drain)
    call.platform.draining.stop(drain)
    return Reply(serializers.drain(drain))


def _check(call: Call, app: App, url: str) -> None:
    parts = urlsplit(url)
    if parts.scheme not in ("https", "http", "syslog", "syslog+tls") or not parts.hostname:
        raise invalid("Url is invalid")
    if any(each.url == url for each in app.drains):
        raise invalid(f"Url {url} has already been taken")
    if len(app.drains) >= MOST:
        raise invalid(f"You've reached the limit of {MOST} drains for this app.")

    ours = call.world.app_by_host(parts.hostname) is not None
    here = parts.scheme == "http" and parts.hostname in LOOPBACK
    if not (parts.scheme == "https" and ours) and not here:
        raise not_emulated("a drain to anything but https of an app here, or http of this machine")


def _find(call: Call, app: App) -> Drain:
    word = call.params[1]
    found = next((each for each in app.drains if word in (each.id, each.token, each.url)), None)
    if found is None:
        raise not_found("log_drain")
    return found


ROUTES: list[Route] = [
    ("GET", "/apps/{}/log-drains", listed),
    ("POST", "/apps/{}/log-drains", create),
    ("GET", "/apps/{}/log-drains/{}", info),
    ("DELETE", "/apps/{}/log-drains/{}", delete),
]
