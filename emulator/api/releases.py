"""Releases: of a slug, and back to an earlier release."""

from emulator.api.builds import find_slug
from emulator.api.call import Call, Reply, Route
from emulator.api.errors import invalid, not_found
from emulator.model import serializers
from emulator.model.state import App, Release


def find(app: App, word: str) -> Release:
    """By id or version; raises ApiError 404."""
    found = next((each for each in app.releases if word in (each.id, str(each.version))), None)
    if found is None:
        raise not_found("release")
    return found


def listed(call: Call) -> Reply:
    """All of an app's."""
    found = [serializers.release(each, call.platform.base) for each in call.app().releases]
    return Reply(found, keys=("version", "id"))


def info(call: Call) -> Reply:
    """One."""
    return Reply(serializers.release(find(call.app(), call.params[1]), call.platform.base))


def config(call: Call) -> Reply:
    """The config vars of that release."""
    return Reply(dict(find(call.app(), call.params[1]).config))


def create(call: Call) -> Reply:
    """With `slug`, a release of it; with `release`, a rollback to that one. Both are new
    releases.
    """
    app = call.app()
    made = _rollback(call, app) if "release" in call.body else _release(call, app)
    return Reply(serializers.release(made, call.platform.base), 201)


def _release(call: Call, app: App) -> Release:
    if not call.text("slug"):
        raise invalid("slug is required")

    slug = find_slug(call, call.text("slug"))
    if slug not in app.slugs:
        app.slugs.append(slug)

    return call.platform.releasing.deploy(
        app, call.account, call.text("description") or "Deploy", slug
    )


def _rollback(call: Call, app: App) -> Release:
    id = call.text("release")
    target = next((each for each in app.releases if each.id == id), None)
    if target is None:
        raise not_found("release")
    if target.slug is None or target.status != "succeeded":
        raise invalid(f"Cannot roll back to v{target.version}: it is not eligible.")

    kept = call.platform.addons.forced(app)
    text = f"Rollback to v{target.version}"
    return call.platform.releasing.create(
        app, call.account, text, target.slug, {**target.config, **kept}
    )


ROUTES: list[Route] = [
    ("GET", "/apps/{}/releases", listed),
    ("POST", "/apps/{}/releases", create),
    ("GET", "/apps/{}/releases/{}", info),
    ("GET", "/apps/{}/releases/{}/config-vars", config),
]
