"""Apps, their features and their buildpacks."""

import asyncio
import random
import re
import shutil
from functools import partial

from emulator.api.call import Call, Reply, Route
from emulator.api.errors import invalid, not_emulated, not_found
from emulator.build.buildpack import URLS
from emulator.dynos.logs import Log
from emulator.model import serializers
from emulator.model.app import STACKS, App, Slug
from emulator.model.ids import fixed_id
from emulator.model.state import of_app

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
    """Make an app, with two releases, no slug and no dynos."""
    name = call.text("name") or _random_name()
    _check_name(call, name)
    stack = call.text("stack") or "heroku-24"
    if stack == "container":
        raise not_emulated("the container stack")

    _check_stack(stack)
    if call.text("region", "us") not in ("us", "eu", serializers.REGION["id"]):
        raise invalid("Region was not found")
    if len(call.state.apps_of(call.account)) >= MOST:
        raise invalid(f"You've reached the limit of {MOST} apps for your account.")

    app = App(name, call.account, Log(), stack)
    app.rename(name)
    call.state.apps[app.id] = app
    call.platform.report.created["app"] += 1
    for description in ("Initial release", "Enable Logplex"):
        call.platform.releases.create(app, call.account, description, None, {})

    return Reply(serializers.app(app), 201)


def info(call: Call) -> Reply:
    """One app."""
    return Reply(serializers.app(call.app()))


def listed(call: Call) -> Reply:
    """All apps of the caller."""
    return Reply.listing(serializers.app, call.state.apps_of(call.account), NAMES)


def of_user(call: Call) -> Reply:
    """All apps of the caller, as `heroku apps` asks for them."""
    if call.params[0] not in ("~", call.account.id, call.account.email):
        raise not_found("user")
    return listed(call)


def domains(call: Call) -> Reply:
    """The domain that Heroku gave the app: no other can be added here."""
    return Reply([serializers.domain(call.app())], keys=("id", "hostname"))


def domain(call: Call) -> Reply:
    """The app's domain, by id or name."""
    shown = serializers.domain(call.app())
    if call.params[1] not in (shown["id"], shown["hostname"]):
        raise not_found("domain")
    return Reply(shown)


def filtered(call: Call) -> Reply:
    """The caller's apps with these ids."""
    ids = call.part("in").get("id", [])
    apps = [app for app in call.state.apps_of(call.account) if app.id in ids]
    return Reply.listing(serializers.team_app, apps, NAMES)


def update(call: Call) -> Reply:
    """Change maintenance, the name (and with it the host) and the stack of the next build."""
    app = call.app()
    if (name := call.text("name")) and name != app.name:
        _check_name(call, name)
        app.rename(name)

    if stack := call.text("build_stack"):
        _check_stack(stack)
        app.stack = stack

    if isinstance(call.body.get("maintenance"), bool):
        app.maintenance = call.body["maintenance"]

    app.touch()
    return Reply(serializers.app(app))


def delete(call: Call) -> Reply:
    """Delete an app with its dynos, builds and add-ons, and remove it from its pipeline."""
    app = call.app()
    shown = serializers.app(app)
    state = call.state
    for addon in of_app(state.addons, app):
        call.platform.addons.delete(addon, call.account)

    for build in app.builds:
        call.platform.builds.cancel(build)

    for attachment in of_app(state.attachments, app):
        state.attachments.pop(attachment.id)

    for coupling in of_app(state.couplings, app):
        state.couplings.pop(coupling.id)

    for drain in app.drains:
        call.platform.log_drains.stop(drain)

    del state.apps[app.id]
    task = asyncio.get_running_loop().create_task(call.platform.dyno_manager.end_app(app))
    task.add_done_callback(lambda _: _delete_slugs(call, app))
    return Reply(shown)


def _delete_slugs(call: Call, app: App) -> None:
    """Delete the files of the app's slugs but of those that other apps have too."""
    used: set[Slug] = set()
    for other in call.state.apps.values():
        used.update(other.slugs)

    for slug in set(app.slugs) - used:
        shutil.rmtree(slug.folder, ignore_errors=True)


def _check_stack(stack: str) -> None:
    if stack not in STACKS:
        raise invalid(f"Stack {stack} is not available")


def _check_name(call: Call, name: str) -> None:
    if not NAME.fullmatch(name):
        raise invalid(
            "Name must start with a letter, end with a letter or digit and can only contain "
            "lowercase letters, digits, and dashes, and be 3 to 30 characters long."
        )

    if call.state.app(name):
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
    """The features that are emulated."""
    return Reply.listing(partial(_feature, call.app()), FEATURES, ("id", "name"))


def feature(call: Call) -> Reply:
    """One feature, by name."""
    if call.params[1] not in FEATURES:
        raise not_found("feature")
    return Reply(_feature(call.app(), call.params[1]))


def set_feature(call: Call) -> Reply:
    """Turn a feature on or off; nothing restarts. Preboot needs Standard or Performance dynos."""
    app, name = call.app(), call.params[1]
    if name not in FEATURES:
        raise not_found("feature")

    enabled = call.body.get("enabled")
    if not isinstance(enabled, bool):
        raise invalid("enabled must be true or false")

    prebootable = all(formation.size.prebootable for formation in app.formation.values())
    if name == "preboot" and enabled and not prebootable:
        raise invalid("Preboot is only available for Standard and Performance dynos.")

    app.features[name] = enabled
    app.touch()
    return Reply(_feature(app, name))


def buildpacks(call: Call) -> Reply:
    """The app's buildpacks, in their order."""
    installations = []
    for number, url in enumerate(call.app().buildpacks):
        installations.append({"ordinal": number, "buildpack": {"url": url, "name": url}})

    return Reply(installations, keys=("ordinal",))


def set_buildpacks(call: Call) -> Reply:
    """Set the buildpacks of the next build; only Heroku's for Python is emulated."""
    updates = call.body.get("updates")
    if not isinstance(updates, list):
        raise invalid("updates must be a list")

    urls = [str(update.get("buildpack")) for update in updates if isinstance(update, dict)]
    if not set(urls) <= set(URLS):
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


def _random_name() -> str:
    generator = random.Random()  # noqa: S311
    words = f"{generator.choice(FIRST)}-{generator.choice(SECOND)}"
    return f"{words}-{generator.randint(10000, 99999)}"
