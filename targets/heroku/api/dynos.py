"""Dynos: the processes that run now."""

from dataclasses import dataclass

from targets.heroku.api.client import Client

ONE_OFF = ("run", "release", "scheduler")


@dataclass(frozen=True)
class Dyno:
    """state: starting, up, crashed, down or idle; release: number of the release it runs."""

    id: str
    name: str
    type: str
    state: str
    release: int
    size: str
    updated_at: str


def dynos(client: Client, app: str) -> list[Dyno]:
    """All dynos of an app but one-off ones. With preboot old ones still serve for minutes and are
    not listed.
    """
    found = [
        Dyno(
            id=each["id"],
            name=each["name"],
            type=each["type"],
            state=each["state"],
            release=int((each.get("release") or {}).get("version") or 0),
            size=each["size"],
            updated_at=each["updated_at"],
        )
        for each in client.listed(f"/apps/{app}/dynos")
    ]
    return [each for each in found if each.type not in ONE_OFF]


def restart(client: Client, app: str, name: str = "") -> None:
    """Restart one dyno, or all of an app."""
    client.delete(f"/apps/{app}/dynos/{name}" if name else f"/apps/{app}/dynos")
