"""Dynos: list, restart, stop, run once."""

import random

from emulator.api.call import Call, Reply, Route
from emulator.api.errors import invalid, not_emulated, not_found
from emulator.model import serializers, sizes
from emulator.model.app import App, Dyno, Release
from emulator.model.sizes import Size
from emulator.model.state import by_id_or_name

MOST_S = 24 * 3600


def listed(call: Call) -> Reply:
    """All dynos of the app; under preboot the old ones are not among them."""
    return Reply.listing(serializers.dyno, call.app().dynos, ("id", "name"))


def info(call: Call) -> Reply:
    """One dyno, by name or id."""
    return Reply(serializers.dyno(_find(call)))


def create(call: Call) -> Reply:
    """Run a command in a one-off dyno, not attached to a terminal."""
    app, command = call.app(), call.text("command")
    if not command:
        raise invalid("command is required")
    if call.body.get("attach"):
        raise not_emulated("attached one-off dynos")
    if app.current is None or app.current.slug is None:
        raise invalid("Cannot run a command before the first deploy.")

    command = app.current.slug.process_types.get(command, command)
    dyno = _one_off(call, app, command, app.current)
    app.dynos.append(dyno)
    call.platform.report.created["one-off dyno"] += 1
    call.platform.dyno_manager.one_off(dyno, _time_to_live(call))
    return Reply(serializers.dyno(dyno), 201)


def _one_off(call: Call, app: App, command: str, release: Release) -> Dyno:
    name = f"run.{random.randint(1000, 9999)}"  # noqa: S311
    extra = {str(key): str(value) for key, value in call.part("env").items()}
    return Dyno(app, "run", name, command, _size(call), release, extra=extra)


def _size(call: Call) -> Size:
    if not call.text("size"):
        return sizes.DEFAULT

    size = sizes.find(call.text("size"))
    if size is None:
        raise invalid("Couldn't find that dyno size.")
    return size


def _time_to_live(call: Call) -> int:
    seconds = call.body.get("time_to_live")
    if isinstance(seconds, int) and 0 < seconds <= MOST_S:
        return seconds
    return MOST_S


def restart_all(call: Call) -> Reply:
    """Restart all dynos but one-off ones."""
    app = call.app()
    return _restart(call, app, [dyno for dyno in app.dynos if dyno.type in app.formation])


def restart(call: Call) -> Reply:
    """Restart one dyno, by name or id."""
    return _restart(call, call.app(), [_find(call)])


def restart_type(call: Call) -> Reply:
    """Restart all dynos of a process type."""
    return _restart(call, call.app(), _of_type(call))


def stop(call: Call) -> Reply:
    """Stop one dyno; it is not started again until the next restart."""
    call.platform.dyno_manager.stop(call.app(), [_find(call)])
    return Reply({}, 202)


def stop_type(call: Call) -> Reply:
    """Stop all dynos of a process type."""
    call.platform.dyno_manager.stop(call.app(), _of_type(call))
    return Reply({}, 202)


def _restart(call: Call, app: App, dynos: list[Dyno]) -> Reply:
    call.platform.dyno_manager.restart(app, dynos)
    return Reply({}, 202)


def _find(call: Call) -> Dyno:
    dyno = by_id_or_name(call.app().dynos, call.params[1])
    if dyno is None:
        raise not_found("dyno")
    return dyno


def _of_type(call: Call) -> list[Dyno]:
    dynos = [dyno for dyno in call.app().dynos if dyno.type == call.params[1]]
    if not dynos:
        raise not_found("formation")
    return dynos


ROUTES: list[Route] = [
    ("GET", "/apps/{}/dynos", listed),
    ("POST", "/apps/{}/dynos", create),
    ("DELETE", "/apps/{}/dynos", restart_all),
    ("GET", "/apps/{}/dynos/{}", info),
    ("DELETE", "/apps/{}/dynos/{}", restart),
    ("DELETE", "/apps/{}/formations/{}", restart_type),
    ("POST", "/apps/{}/dynos/{}/actions/stop", stop),
    ("POST", "/apps/{}/formations/{}/actions/stop", stop_type),
]
