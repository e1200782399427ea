"""The owner of the token, or the team of deploy.toml."""

from dataclasses import dataclass

from targets.heroku.api.client import Client


@dataclass(frozen=True)
class Owner:
    """Who owns new apps.

    id: as pipelines want it
    kind: `user` or `team`
    name: e-mail address, or the team's name
    """

    id: str
    kind: str
    name: str


def owner(client: Client, team: str = "") -> Owner:
    """The team of that name, else the token's own account; raises Refused."""
    if team:
        value = client.get(f"/teams/{team}")
        return Owner(value["id"], "team", value["name"])
    value = client.get("/account")
    return Owner(value["id"], "user", value["email"])


def requests_left(client: Client) -> int:
    """How many requests this account has left; asking costs none."""
    return int(client.get("/account/rate-limits")["remaining"])
