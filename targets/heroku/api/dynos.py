"""Dynos: the processes that run now."""

from dataclasses import dataclass
from typing import Any

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
    """All dynos of an app but one-off ones.

    With preboot, old dynos still serve for minutes and are not listed.
    """
    running = map(_dyno_of, client.list_all(f"/apps/{app}/dynos"))
    return [dyno for dyno in running if dyno.type not in ONE_OFF]


def _dyno_of(value: Any) -> Dyno:
    return Dyno(
        id=value["id"],
        name=value["name"],
        type=value["type"],
        state=value["state"],
        release=int((value.get("release") or {}).get("version") or 0),
        size=value["size"],
        updated_at=value["updated_at"],
    )
