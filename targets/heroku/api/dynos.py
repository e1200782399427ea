"""Dynos: the processes that run now."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from targets.heroku.api.client import Client

RUN = "run"
ONE_OFF = (RUN, "release", "scheduler")


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


@dataclass(frozen=True)
class OneOff:
    """A dyno that runs one command. command: as it was asked for, without its environment."""

    name: str
    state: str
    command: str
    size: str


def one_offs(client: Client, app: str) -> list[OneOff]:
    """The one-off dynos of an app that run now."""
    listed = client.list_all(f"/apps/{app}/dynos")
    return [_one_off_of(value) for value in listed if value["type"] == RUN]


def run_once(
    client: Client, app: str, command: str, env: Mapping[str, str], size: str, most_s: int
) -> OneOff:
    """Run a command once, not attached; most_s: seconds after which Heroku ends it.

    The command names what it does, for by it a dyno is known whose answer was lost.
    """
    body = {
        "command": command,
        "attach": False,
        "type": RUN,
        "size": size,
        "env": dict(env),
        "time_to_live": most_s,
    }

    def existing() -> Any:
        listed = client.list_all(f"/apps/{app}/dynos")
        return next((value for value in listed if value["command"] == command), None)

    return _one_off_of(client.post(f"/apps/{app}/dynos", body, look=existing))


def _one_off_of(value: Any) -> OneOff:
    return OneOff(value["name"], value["state"], value["command"], value["size"])


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
