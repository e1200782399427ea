"""Sources, builds and slugs."""

import secrets
from functools import partial

from emulator.api.call import Call, Reply, Route
from emulator.api.errors import ApiError, invalid, not_emulated, not_found
from emulator.build.buildpack import URLS
from emulator.dynos.streams import Stream
from emulator.model import serializers
from emulator.model.app import Build, Slug
from emulator.model.state import STREAMS, remember

SOURCES = 50


def create_source(call: Call) -> Reply:
    """An address to upload one tarball to, and one to build it from."""
    state = call.state
    token = secrets.token_hex(16)
    oldest = remember(state.sources, token, state.folder / "storage" / f"{token}.tgz", SOURCES)
    if oldest:
        oldest.unlink(missing_ok=True)

    call.platform.report.created["source"] += 1
    return Reply(serializers.source(call.platform.base, token), 201)


def create(call: Call) -> Reply:
    """Start a build; the answer does not wait for it."""
    app, source = call.app(), call.part("source_blob")
    if not isinstance(source.get("url"), str) or not source["url"]:
        raise invalid("source_blob.url is required")
    if not source["url"].startswith(f"{call.platform.base}/storage/"):
        raise not_emulated("building from another address than a source's get_url")

    buildpacks = _buildpacks(call) or app.buildpacks or ["heroku/python"]
    stream = Stream()
    remember(call.state.streams, stream.token, stream, STREAMS)
    build = Build(app, call.account, source, buildpacks, stream)
    app.builds.append(build)
    call.platform.report.created["build"] += 1
    call.platform.builds.start(build)
    return Reply(serializers.build(build, call.platform.base), 201)


def _buildpacks(call: Call) -> list[str]:
    """The buildpacks of the call's body; raises ApiError 501 for any but Python's."""
    urls = []
    for buildpack in call.body.get("buildpacks") or []:
        if isinstance(buildpack, dict):
            urls.append(str(buildpack.get("url") or buildpack.get("name")))

    if not set(urls) <= set(URLS):
        raise not_emulated("a buildpack other than heroku/python")
    return urls


def _find(call: Call) -> Build:
    for build in call.app().builds:
        if build.id == call.params[1]:
            return build

    raise not_found("build")


def info(call: Call) -> Reply:
    """One build."""
    return Reply(serializers.build(_find(call), call.platform.base))


def listed(call: Call) -> Reply:
    """All builds of an app."""
    serialize = partial(serializers.build, base=call.platform.base)
    return Reply.listing(serialize, call.app().builds, ("id", "created_at", "updated_at"))


def cancel(call: Call) -> Reply:
    """Cancel a pending build."""
    build = _find(call)
    if build.status != "pending":
        raise ApiError(409, "conflict", "The build is not pending.")

    call.platform.builds.cancel(build)
    build.status = "failed"
    return Reply(serializers.build(build, call.platform.base))


def slug(call: Call) -> Reply:
    """One of the app's slugs."""
    return Reply(serializers.slug(find_slug(call, call.params[1]), call.platform.base))


def find_slug(call: Call, id: str) -> Slug:
    """A slug of any app of the caller, since one app's slug may be released on another."""
    for app in call.state.apps_of(call.account):
        for slug in app.slugs:
            if slug.id == id:
                return slug

    raise not_found("slug")


def forget_cache(call: Call) -> Reply:
    """Answer as if it were cleared: no app has a cache of its own."""
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
