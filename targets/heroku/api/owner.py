"""Who the token belongs to, and the team that is named."""

from dataclasses import dataclass

from targets.heroku.api.client import Client


@dataclass(frozen=True)
class Owner:
    """Who owns what is made. kind: `user` or `team`; id: what pipelines want; name: e-mail address
    or team.
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
