"""Apps, their features and their buildpacks."""

import asyncio
import random
import re
import shutil

from emulator.api.call import Call, Reply, Route
from emulator.api.errors import invalid, not_emulated, not_found
from emulator.build.buildpack import URLS
from emulator.dynos.logs import Log
from emulator.model import serializers
from emulator.model.ids import fixed_id, new_id
from emulator.model.state import STACKS, App

NAME = re.compile(r"[a-z][a-z0-9-]{1,28}[a-z0-9]")
MOST = 100
FEATURES = {
    "preboot": "New web dynos boot before the old ones are stopped.",
    "http-routing-2-dot-0": "Router 2.0",
    "http-disable-keepalive-to-dyno": "Close connections to dynos after each request",
}
FIRST = ("damp", "still", "young", "quiet", "ancient", "pure", "calm", "frozen")
SECOND = ("river", "forest", "meadow", "ridge", "harbor", "stream", "island", "canyon")
NAMES = ("id", "name", "updated_at")


def create(call: Call) -> Reply:
    """A new app has two releases, no slug and no dynos."""
    world = call.platform.world
    name = call.text("name") or _drawn_name()
    _check_name(call, name)
    stack = call.text("stack") or "heroku-24"
    if stack not in STACKS:
        raise (
            not_emulated("the container stack")
            if stack == "container"
            else invalid(f"Stack {stack} is not available")
        )

    if call.text("region", "us") not in ("us", "eu", serializers.REGION["id"]):
        raise invalid("Region was not found")
    if sum(app.owner is call.account for app in world.apps.values()) >= MOST:
        raise invalid(f"You've reached the limit of {MOST} apps for your account.")

    app = App(name, call.account, Log(), stack)
    app.rename(name)
    world.apps[app.id] = app
    call.platform.tally.created["app"] += 1
    for description in ("Initial release", "Enable Logplex"):
        call.platform.releasing.create(app, call.account, description, None, {})

    return Reply(serializers.app(app), 201)


def info(call: Call) -> Reply:
    """One app."""
    return Reply(serializers.app(call.app()))


def listed(call: Call) -> Reply:
    """All of the caller's."""
    mine = [app for app in call.platform.world.apps.values() if app.owner is call.account]
    return Reply([serializers.app(app) for app in mine], keys=NAMES)


def of_user(call: Call) -> Reply:
    """The same, as `heroku apps` asks for it."""
    if call.params[0] not in ("~", call.account.id, call.account.email):
        raise not_found("user")
    return listed(call)


def domains(call: Call) -> Reply:
    """Heroku's own: no other can be added here."""
    return Reply([serializers.domain(call.app())], keys=("id", "hostname"))


def domain(call: Call) -> Reply:
    """It, by id or name."""
    shown = serializers.domain(call.app())
    if call.params[1] not in (shown["id"], shown["hostname"]):
        raise not_found("domain")
    return Reply(shown)


def filtered(call: Call) -> Reply:
    """Those with certain ids."""
    wanted = call.part("in").get("id", [])
    mine = [
        app
        for app in call.platform.world.apps.values()
        if app.owner is call.account and app.id in wanted
    ]
    return Reply([serializers.team_app(app) for app in mine], keys=NAMES)


def update(call: Call) -> Reply:
    """Maintenance, name (with another host) and stack of the next build."""
    app = call.app()
    if (name := call.text("name")) and name != app.name:
        _check_name(call, name)
        app.rename(name)

    if (stack := call.text("build_stack")) and stack not in STACKS:
        raise invalid(f"Stack {stack} is not available")

    app.stack = stack or app.stack
    if isinstance(call.body.get("maintenance"), bool):
        app.maintenance = call.body["maintenance"]

    app.touch()
    return Reply(serializers.app(app))


def delete(call: Call) -> Reply:
    """With its dynos, builds, add-ons and place in a pipeline."""
    app = call.app()
    shown = serializers.app(app)
    world = call.platform.world
    for addon in [each for each in world.addons.values() if each.app is app]:
        call.platform.addons.give_back(addon, call.account)

    for build in app.builds:
        call.platform.building.cancel(build)

    for place in [each for each in world.attachments.values() if each.app is app]:
        world.attachments.pop(place.id)

    for coupling in [each for each in world.couplings.values() if each.app is app]:
        world.couplings.pop(coupling.id)

    for drain in app.drains:
        call.platform.draining.stop(drain)

    del world.apps[app.id]
    ending = asyncio.get_running_loop().create_task(call.platform.fleet.end_all([app]))
    ending.add_done_callback(lambda _: _forget_slugs(call, app))
    return Reply(shown)


def _forget_slugs(call: Call, app: App) -> None:
    elsewhere = {slug.id for other in call.platform.world.apps.values() for slug in other.slugs}
    for slug in app.slugs:
        if slug.id not in elsewhere:
            shutil.rmtree(slug.folder, ignore_errors=True)


def _check_name(call: Call, name: str) -> None:
    if not NAME.fullmatch(name):
        raise invalid(
            "Name must start with a letter, end with a letter or digit and can only contain "
            "lowercase letters, digits, "
            "and dashes, and be 3 to 30 characters long."
        )

    if call.platform.world.app(name):
        raise invalid(f"Name {name} is already taken")


def _feature(app: App, name: str) -> dict[str, object]:
    return {
        "created_at": app.created_at,
        "description": FEATURES[name],
        "doc_url": "https://devcenter.heroku.com/articles/preboot",
        "enabled": app.features.get(name, name == "http-routing-2-dot-0"),
        "id": fixed_id(f"{name}.feature"),
        "name": name,
        "state": "general",
        "updated_at": app.updated_at,
        "display_name": name,
        "feedback_email": "feedback@example.com",
    }


def features(call: Call) -> Reply:
    """Those that are emulated."""
    return Reply([_feature(call.app(), name) for name in FEATURES], keys=("id", "name"))


def feature(call: Call) -> Reply:
    """One by name."""
    if call.params[1] not in FEATURES:
        raise not_found("feature")
    return Reply(_feature(call.app(), call.params[1]))


def set_feature(call: Call) -> Reply:
    """Preboot needs Standard or Performance dynos. Nothing restarts."""
    app, name = call.app(), call.params[1]
    if name not in FEATURES:
        raise not_found("feature")

    enabled = call.body.get("enabled")
    if not isinstance(enabled, bool):
        raise invalid("enabled must be true or false")

    if (
        name == "preboot"
        and enabled
        and not all(each.size.prebootable for each in app.formation.values())
    ):
        raise invalid("Preboot is only available for Standard and Performance dynos.")

    app.features[name] = enabled
    app.touch()
    return Reply(_feature(app, name))


def _installations(app: App) -> list[dict[str, object]]:
    return [
        {"id": new_id(), "ordinal": number, "buildpack": {"url": url, "name": url}}
        for number, url in enumerate(app.buildpacks)
    ]


def buildpacks(call: Call) -> Reply:
    """In their order."""
    found = [
        {key: each[key] for key in ("ordinal", "buildpack")} for each in _installations(call.app())
    ]
    return Reply(found, keys=("ordinal",))


def set_buildpacks(call: Call) -> Reply:
    """Used by the next build; only Heroku's for Python is emulated."""
    updates = call.body.get("updates")
    if not isinstance(updates, list):
        raise invalid("updates must be a list")

    urls = [str(each.get("buildpack")) for each in updates if isinstance(each, dict)]
    if any(url not in URLS for url in urls):
        raise not_emulated("a buildpack other than heroku/python")

    call.app().buildpacks = urls
    return buildpacks(call)


ROUTES: list[Route] = [
    ("POST", "/apps", create),
    ("GET", "/apps", listed),
    ("GET", "/users/{}/apps", of_user),
    ("GET", "/apps/{}/domains", domains),
    ("GET", "/apps/{}/domains/{}", domain),
    ("POST", "/filters/apps", filtered),
    ("GET", "/apps/{}", info),
    ("PATCH", "/apps/{}", update),
    ("DELETE", "/apps/{}", delete),
    ("GET", "/apps/{}/features", features),
    ("GET", "/apps/{}/features/{}", feature),
    ("PATCH", "/apps/{}/features/{}", set_feature),
    ("GET", "/apps/{}/buildpack-installations", buildpacks),
    ("PUT", "/apps/{}/buildpack-installations", set_buildpacks),
]


def _drawn_name() -> str:
    chance = random.Random()  # noqa: S311
    return f"{chance.choice(FIRST)}-{chance.choice(SECOND)}-{chance.randint(10000, 99999)}"
