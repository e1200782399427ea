"""Releases: of a slug, and rollbacks to an earlier release."""

from functools import partial

from emulator.api.builds import find_slug
from emulator.api.call import Call, Reply, Route
from emulator.api.errors import invalid, not_found
from emulator.model import serializers
from emulator.model.app import App, Release


def find(app: App, word: str) -> Release:
    """A release by id or version; raises ApiError 404."""
    for release in app.releases:
        if word in (release.id, str(release.version)):
            return release

    raise not_found("release")


def listed(call: Call) -> Reply:
    """All releases of an app."""
    serialize = partial(serializers.release, base=call.platform.base)
    return Reply.listing(serialize, call.app().releases, ("version", "id"))


def info(call: Call) -> Reply:
    """One release."""
    return Reply(serializers.release(find(call.app(), call.params[1]), call.platform.base))


def config(call: Call) -> Reply:
    """The config vars of a release."""
    return Reply(dict(find(call.app(), call.params[1]).config))


def create(call: Call) -> Reply:
    """Make a release: of `slug`, or as a rollback to `release`."""
    app = call.app()
    if "release" in call.body:
        release = _rollback(call, app)
    else:
        release = _release(call, app)

    return Reply(serializers.release(release, call.platform.base), 201)


def _release(call: Call, app: App) -> Release:
    if not call.text("slug"):
        raise invalid("slug is required")

    slug = find_slug(call, call.text("slug"))
    if slug not in app.slugs:
        app.slugs.append(slug)

    description = call.text("description") or "Deploy"
    return call.platform.releases.deploy(app, call.account, description, slug)


def _rollback(call: Call, app: App) -> Release:
    target = _by_id(app, call.text("release"))
    if target.slug is None or target.status != "succeeded":
        raise invalid(f"Cannot roll back to v{target.version}: it is not eligible.")

    config = {**target.config, **call.platform.addons.config_of(app)}
    text = f"Rollback to v{target.version}"
    return call.platform.releases.create(app, call.account, text, target.slug, config)


def _by_id(app: App, id: str) -> Release:
    for release in app.releases:
        if release.id == id:
            return release

    raise not_found("release")


ROUTES: list[Route] = [
    ("GET", "/apps/{}/releases", listed),
    ("POST", "/apps/{}/releases", create),
    ("GET", "/apps/{}/releases/{}", info),
    ("GET", "/apps/{}/releases/{}/config-vars", config),
]
