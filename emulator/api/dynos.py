"""Dynos: looked at, restarted, stopped, run once."""

import random

from emulator.api.call import Call, Reply, Route
from emulator.api.errors import invalid, not_emulated, not_found
from emulator.dynos.dyno import Dyno
from emulator.model import serializers, sizes
from emulator.model.state import App

LIVES_S, MOST_S = 24 * 3600, 24 * 3600


def listed(call: Call) -> Reply:
    """All that the app has; under preboot the old ones are not among them."""
    return Reply([serializers.dyno(dyno) for dyno in call.app().dynos], keys=("id", "name"))


def info(call: Call) -> Reply:
    """One, by name or id."""
    return Reply(serializers.dyno(_find(call)[0]))


def create(call: Call) -> Reply:
    """A one-off dyno, not attached to a terminal."""
    app, command = call.app(), call.text("command")
    if not command:
        raise invalid("command is required")
    if call.body.get("attach"):
        raise not_emulated("attached one-off dynos")
    if app.current is None or app.current.slug is None:
        raise invalid("Cannot run a command before the first deploy.")

    name = f"run.{random.randint(1000, 9999)}"  # noqa: S311
    size = sizes.find(call.text("size")) if call.text("size") else sizes.DEFAULT
    if size is None:
        raise invalid("Couldn't find that dyno size.")

    extra = {str(key): str(value) for key, value in call.part("env").items()}
    dyno = Dyno(
        app,
        "run",
        name,
        app.current.slug.process_types.get(command, command),
        size,
        app.current,
        extra=extra,
    )
    app.dynos.append(dyno)
    call.platform.tally.created["one-off dyno"] += 1
    lives = call.body.get("time_to_live")
    seconds = lives if isinstance(lives, int) and 0 < lives <= MOST_S else LIVES_S
    call.platform.fleet.one_off(dyno, seconds)
    return Reply(serializers.dyno(dyno), 201)


def restart_all(call: Call) -> Reply:
    """Every one but one-offs."""
    app = call.app()
    return _restart(call, app, [dyno for dyno in app.dynos if dyno.type in app.formation])


def restart(call: Call) -> Reply:
    """One, by name or id."""
    return _restart(call, call.app(), _find(call))


def restart_type(call: Call) -> Reply:
    """All of a process type."""
    return _restart(call, call.app(), _of_type(call))


def stop(call: Call) -> Reply:
    """One, which is not started again until the next restart."""
    call.platform.fleet.stop(call.app(), _find(call))
    return Reply({}, 202)


def stop_type(call: Call) -> Reply:
    """All of a process type."""
    call.platform.fleet.stop(call.app(), _of_type(call))
    return Reply({}, 202)


def _restart(call: Call, app: App, dynos: list[Dyno]) -> Reply:
    call.platform.fleet.restart(app, dynos)
    return Reply({}, 202)


def _find(call: Call) -> list[Dyno]:
    found = [dyno for dyno in call.app().dynos if call.params[1] in (dyno.id, dyno.name)]
    if not found:
        raise not_found("dyno")
    return found


def _of_type(call: Call) -> list[Dyno]:
    found = [dyno for dyno in call.app().dynos if dyno.type == call.params[1]]
    if not found:
        raise not_found("formation")
    return found


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
