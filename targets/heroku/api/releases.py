"""Heroku's releases of one app: a slug with config vars, numbered. They move no users' traffic."""

from dataclasses import dataclass
from typing import Any

from targets.heroku.api.client import Client

PENDING = "pending"
SUCCEEDED = "succeeded"


@dataclass(frozen=True)
class Release:
    """One release.

    status: pending, succeeded, failed or expired
    slug: its id, None before the first build
    by: its author's e-mail address
    """

    id: str
    version: int
    status: str
    current: bool
    slug: str | None
    description: str
    output_url: str | None
    by: str = ""


def release(client: Client, app: str, id_: str | int) -> Release:
    """One release by its id or number."""
    return release_of(client.get(f"/apps/{app}/releases/{id_}"))


def releases(client: Client, app: str, most: int = 200) -> list[Release]:
    """The newest releases, newest first."""
    values = client.list_all(
        f"/apps/{app}/releases", f"version ..; max={most}, order=desc", pages=1
    )
    return sorted(map(release_of, values), key=lambda release: -release.version)


def newest(client: Client, app: str) -> Release | None:
    """The newest release, whatever its status."""
    newest_first = releases(client, app, 1)
    if newest_first:
        return newest_first[0]
    return None


def reuse_slug(client: Client, app: str, slug: str, description: str) -> Release:
    """Release a slug that was built before, for this app or another, without a build.

    description: should be new each time; a lost answer is looked for by it.
    """
    before = newest(client, app)
    number = before.version if before else 0

    def look() -> Any:
        ten_newest = "version ..; max=10, order=desc"
        for release in client.list_all(f"/apps/{app}/releases", ten_newest, pages=1):
            if release["version"] > number and release["description"] == description:
                return release

        return None

    return release_of(
        client.post(f"/apps/{app}/releases", {"slug": slug, "description": description}, look)
    )


def release_of(value: Any) -> Release:
    """A release from its JSON."""
    return Release(
        id=value["id"],
        version=int(value["version"]),
        status=value["status"],
        current=bool(value.get("current")),
        slug=(value.get("slug") or {}).get("id"),
        description=value.get("description") or "",
        output_url=value.get("output_stream_url"),
        by=(value.get("user") or {}).get("email") or "",
    )
