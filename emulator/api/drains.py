"""Log drains: addresses that an app's log is sent to."""

from urllib.parse import urlsplit

from emulator.api.call import Call, Reply, Route
from emulator.api.errors import invalid, not_emulated, not_found
from emulator.model import serializers
from emulator.model.app import App, Drain

MOST = 5
LOOPBACK = ("127.0.0.1", "localhost")


def listed(call: Call) -> Reply:
    """All drains of an app."""
    return Reply.listing(serializers.drain, call.app().drains)


def info(call: Call) -> Reply:
    """One drain, by id, token or address."""
    return Reply(serializers.drain(_find(call, call.app())))


def create(call: Call) -> Reply:
    """Send the lines from now on to an address."""
    app, url = call.app(), call.text("url")
    _check(call, app, url)
    drain = Drain(app, url)
    app.drains.append(drain)
    call.platform.log_drains.begin(drain)
    return Reply(serializers.drain(drain), 201)


def delete(call: Call) -> Reply:
    """Send no more lines to an address."""
    app = call.app()
    drain = _find(call, app)
    app.drains.remove(drain)
    call.platform.log_drains.stop(drain)
    return Reply(serializers.drain(drain))


def _check(call: Call, app: App, url: str) -> None:
    parts = urlsplit(url)
    if parts.scheme not in ("https", "http", "syslog", "syslog+tls") or not parts.hostname:
        raise invalid("Url is invalid")
    if any(drain.url == url for drain in app.drains):
        raise invalid(f"Url {url} has already been taken")
    if len(app.drains) >= MOST:
        raise invalid(f"You've reached the limit of {MOST} drains for this app.")

    to_an_app = parts.scheme == "https" and call.state.app_by_host(parts.hostname) is not None
    to_this_machine = parts.scheme == "http" and parts.hostname in LOOPBACK
    if not to_an_app and not to_this_machine:
        raise not_emulated("a drain to anything but https of an app here, or http of this machine")


def _find(call: Call, app: App) -> Drain:
    word = call.params[1]
    for drain in app.drains:
        if word in (drain.id, drain.token, drain.url):
            return drain

    raise not_found("log_drain")


ROUTES: list[Route] = [
    ("GET", "/apps/{}/log-drains", listed),
    ("POST", "/apps/{}/log-drains", create),
    ("GET", "/apps/{}/log-drains/{}", info),
    ("DELETE", "/apps/{}/log-drains/{}", delete),
]
