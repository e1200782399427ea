"""Sources, builds and slugs."""

import secrets

from emulator.api.call import Call, Reply, Route
from emulator.api.errors import ApiError, invalid, not_emulated, not_found
from emulator.build.buildpack import URLS
from emulator.dynos.streams import Stream
from emulator.model import serializers
from emulator.model.state import STREAMS, Build, Slug, remember

SOURCES = 50


def create_source(call: Call) -> Reply:
    """A place to upload one tarball to, and to build it from."""
    world = call.platform.world
    token = secrets.token_hex(16)
    oldest = remember(world.sources, token, world.folder / "storage" / f"{token}.tgz", SOURCES)
    if oldest:
        oldest.unlink(missing_ok=True)

    call.platform.tally.created["source"] += 1
    return Reply(serializers.source(call.platform.base, token), 201)


def create(call: Call) -> Reply:
    """Answers at once; the build goes on."""
    app, source = call.app(), call.part("source_blob")
    if not isinstance(source.get("url"), str) or not source["url"]:
        raise invalid("source_blob.url is required")
    if not source["url"].startswith(f"{call.platform.base}/storage/"):
        raise not_emulated("building from another address than a source's get_url")

    asked = call.body.get("buildpacks") or []
    urls = [str(each.get("url") or each.get("name")) for each in asked if isinstance(each, dict)]
    if any(url not in URLS for url in urls):
        raise not_emulated("a buildpack other than heroku/python")

    stream = Stream()
    remember(call.platform.world.streams, stream.token, stream, STREAMS)
    build = Build(app, call.account, source, urls or app.buildpacks or ["heroku/python"], stream)
    app.builds.append(build)
    call.platform.tally.created["build"] += 1
    call.platform.building.start(build)
    return Reply(serializers.build(build, call.platform.base), 201)


def _find(call: Call) -> Build:
    found = next((build for build in call.app().builds if build.id == call.params[1]), None)
    if found is None:
        raise not_found("build")
    return found


def info(call: Call) -> Reply:
    """One build."""
    return Reply(serializers.build(_find(call), call.platform.base))


def listed(call: Call) -> Reply:
    """All of an app's."""
    found = [serializers.build(build, call.platform.base) for build in call.app().builds]
    return Reply(found, keys=("id", "created_at", "updated_at"))


def cancel(call: Call) -> Reply:
    """Only a pending one."""
    build = _find(call)
    if build.status != "pending":
        raise ApiError(409, "conflict", "The build is not pending.")

    call.platform.building.cancel(build)
    build.status = "failed"
    return Reply(serializers.build(build, call.platform.base))


def slug(call: Call) -> Reply:
    """One of the app's slugs."""
    return Reply(serializers.slug(find_slug(call, call.params[1]), call.platform.base))


def find_slug(call: Call, id: str) -> Slug:
    """By id among all apps of the caller, since one app's slug may be released on another."""
    apps = (app for app in call.platform.world.apps.values() if app.owner is call.account)
    found = next((slug for app in apps for slug in app.slugs if slug.id == id), None)
    if found is None:
        raise not_found("slug")
    return found


def forget_cache(call: Call) -> Reply:
    """There is none that is an app's own."""
    call.app()
    return Reply({}, 202)


ROUTES: list[Route] = [
    ("POST", "/sources", create_source),
    ("POST", "/apps/{}/builds", create),
    ("GET", "/apps/{}/builds", listed),
    ("GET", "/apps/{}/builds/{}", info),
    ("DELETE", "/apps/{}/builds/{}", cancel),
    ("DELETE", "/apps/{}/build-cache", forget_cache),
    ("GET", "/apps/{}/slugs/{}", slug),
]
