"""Apps: one for the router, one per version. Addresses are read, never built from a name."""

from dataclasses import dataclass
from typing import Any

from targets.heroku.api.client import Client
from targets.heroku.errors import HerokuFailure, Refused

GENERATION = "cedar"


@dataclass(frozen=True)
class App:
    """One app.

    url: its public https address without a slash at its end
    owner: id of the account or team it belongs to
    """

    id: str
    name: str
    url: str
    stack: str
    generation: str
    region: str
    owner: str
    team: str | None
    maintenance: bool


def app(client: Client, name: str) -> App | None:
    """The app of that name or id, None where there is none that this account can see."""
    value = client.get_or_none(f"/apps/{name}")
    if value is None:
        return None
    return app_of(value)


def apps(client: Client) -> list[App]:
    """Every app this account can see."""
    return list(map(app_of, client.list_all("/apps")))


def create_app(client: Client, name: str, region: str, stack: str, team: str = "") -> App:
    """Create an app, personal or in a team.

    Raises Refused, with status 422 where the name is somebody else's.
    """
    path, body = "/apps", {"name": name, "region": region, "stack": stack}
    if team:
        path, body = "/teams/apps", {**body, "team": team}

    created = app_of(client.post(path, body, look=lambda: client.get_or_none(f"/apps/{name}")))
    # A team's app is answered without its generation.
    if created.generation:
        return created
    return app_of(client.get(f"/apps/{created.id}"))


def ensure_app(
    client: Client, name: str, region: str, stack: str, team: str = ""
) -> tuple[App, bool]:
    """The app of that name, created where there is none; and whether it was created.

    Raises HerokuFailure for a Fir app, and for one that is somebody else's.
    """
    try:
        existing = app(client, name)
        ensured = existing or create_app(client, name, region, stack, team)
    except Refused as error:
        if error.status not in (403, 422):
            raise
        raise HerokuFailure(
            f"{name} cannot be had: {error}; names are unique in all of Heroku, so where it is "
            "somebody else's, set another heroku.app_prefix in deploy.toml"
        ) from error

    refuse_other_generations(ensured)
    return ensured, existing is None


def delete_app(client: Client, name: str) -> None:
    """Delete an app with its add-ons; nothing happens where there is none."""
    client.delete(f"/apps/{name}")


def refuse_other_generations(app: App) -> None:
    """Raise HerokuFailure unless the app has slugs and buildpacks, which Fir's have not."""
    if app.generation != GENERATION:
        raise HerokuFailure(
            f"{app.name} is of Heroku's generation '{app.generation}', which has no slugs: choose "
            "another heroku.app_prefix, or remove that app"
        )


def app_of(value: Any) -> App:
    """An app from its JSON; raises HerokuFailure where its address is missing."""
    url = str(value.get("web_url") or "").rstrip("/")
    if not url:
        raise HerokuFailure(
            f"Heroku gives no address for {value.get('name')}: look at it with `heroku apps:info`"
        )

    team = value.get("team") or {}
    return App(
        id=value["id"],
        name=value["name"],
        url=f"https://{url.partition('://')[2]}",
        stack=(value.get("stack") or {}).get("name", ""),
        generation=(value.get("generation") or {}).get("name", ""),
        region=(value.get("region") or {}).get("name", ""),
        owner=(value.get("owner") or {}).get("id", ""),
        team=team.get("name"),
        maintenance=bool(value.get("maintenance")),
    )
