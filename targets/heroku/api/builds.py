"""Builds: from a source to a slug and a release. Found again by the version of their source."""

from dataclasses import dataclass
from typing import Any

from targets.heroku.api.client import Client
from targets.heroku.api.sources import Source

BUILDPACK = "heroku/python"


@dataclass(frozen=True)
class Build:
    """One build.

    status: pending, succeeded or failed
    slug, release: ids, None until it succeeded; the release a little later
    """

    id: str
    status: str
    source_version: str
    output_url: str
    slug: str | None
    release: str | None
    created_at: str

    @property
    def pending(self) -> bool:
        """Whether it still runs."""
        return self.status == "pending"


def build(client: Client, app: str, id_: str) -> Build:
    """One build as it stands."""
    return build_of(client.get(f"/apps/{app}/builds/{id_}"))


def builds(client: Client, app: str) -> list[Build]:
    """All builds of an app, newest first."""
    all_builds = map(build_of, client.list_all(f"/apps/{app}/builds"))
    return sorted(all_builds, key=lambda build: build.created_at, reverse=True)


def builds_of(client: Client, app: str, source_version: str) -> list[Build]:
    """The builds of one source, newest first."""
    return [build for build in builds(client, app) if build.source_version == source_version]


def create_build(client: Client, app: str, source: Source) -> Build:
    """Start a build of an uploaded source; returns it pending.

    A lost answer is looked for by the source's version.
    """
    before = {build.id for build in builds_of(client, app, source.version)}

    def look() -> Any:
        for build in client.list_all(f"/apps/{app}/builds"):
            version = (build["source_blob"] or {}).get("version")
            if version == source.version and build["id"] not in before:
                return build

        return None

    blob = {
        "url": source.url,
        "checksum": source.checksum,
        "version": source.version,
        "version_description": None,
    }
    body = {"source_blob": blob, "buildpacks": [{"url": BUILDPACK}]}
    return build_of(client.post(f"/apps/{app}/builds", body, look))


def build_of(value: Any) -> Build:
    """A build from its JSON."""
    return Build(
        id=value["id"],
        status=value["status"],
        source_version=(value.get("source_blob") or {}).get("version") or "",
        output_url=value.get("output_stream_url") or "",
        slug=(value.get("slug") or {}).get("id"),
        release=(value.get("release") or {}).get("id"),
        created_at=value.get("created_at") or "",
    )
