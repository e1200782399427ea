"""A toy of the platform for one app: builds and releases that take some looks to end, dynos that
boot.
"""

import re
from dataclasses import dataclass, field
from typing import Any

from tests.targets.heroku.scripted_server import RESET, Asked, Reply, answered, refused

APP = "flights-v1"


@dataclass
class Toy:
    """What the platform knows. looks: how often something is seen pending; ends: status of builds
    and releases.
    """

    looks: int = 2
    build_ends: str = "succeeded"
    release_ends: str = "succeeded"
    dyno_states: list[str] = field(default_factory=lambda: ["starting", "up"])
    quantity: int = 1
    lost: set[str] = field(default_factory=set)
    url: str = ""
    builds: list[dict[str, Any]] = field(default_factory=list)
    releases: list[dict[str, Any]] = field(default_factory=list)
    config: dict[str, str] = field(default_factory=dict)
    posts: list[str] = field(default_factory=list)
    _seen: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.release("Initial release", None, pending=False)

    def release(self, description: str, slug: str | None, pending: bool = True) -> dict[str, Any]:
        """One release more."""
        number = len(self.releases) + 1
        made = {
            "id": f"release-{number}",
            "version": number,
            "status": "pending" if pending else "succeeded",
            "current": not pending,
            "slug": {"id": slug} if slug else None,
            "description": description,
            "output_stream_url": f"{self.url}/stream/{number}" if pending and slug else None,
            "eligible_for_rollback": bool(slug),
        }
        self.releases.append(made)
        return made

    def answer(self, asked: Asked) -> Reply:
        """The reply to one request; one of `lost` is done, and its answer never arrives, once."""
        path = asked.path.removeprefix(f"/apps/{APP}")
        key = f"{asked.method} {path}"
        if asked.method == "POST":
            self.posts.append(path)

        reply = self._reply(asked, path)
        if key in self.lost:
            self.lost.discard(key)
            return RESET

        return reply

    def _reply(self, asked: Asked, path: str) -> Reply:
        match asked.method, path.strip("/").split("/"):
            case "POST", ["sources"]:
                blob = {"put_url": f"{self.url}/put", "get_url": f"{self.url}/get"}
                return answered({"source_blob": blob}, 201)
            case "PUT", ["put"]:
                return Reply(200)
            case "POST", ["builds"]:
                return answered(self._new_build(asked.json["source_blob"]["version"]), 201)
            case "GET", ["builds"]:
                return answered(self.builds)
            case "GET", ["builds", id_]:
                return answered(self._build(id_))
            case "GET", ["stream", _]:
                return Reply(200, b"-----> output\n")
            case "GET", ["releases"]:
                most = re.search(r"max=(\d+)", asked.headers.get("Range", ""))
                newest = sorted(map(self._aged, self.releases), key=lambda each: -each["version"])
                return answered(newest[: int(most[1]) if most else 200])
            case "GET", ["releases", id_]:
                found = [
                    each for each in self.releases if id_ in (each["id"], str(each["version"]))
                ]
                return answered(self._aged(found[0]))
            case "POST", ["releases"]:
                return answered(self.release(asked.json["description"], asked.json["slug"]), 201)
            case "GET", ["formation"]:
                size = {"id": "x", "name": "Basic"}
                return answered([{"type": "web", "quantity": self.quantity, "dyno_size": size}])
            case "GET", ["dynos"]:
                return answered(self._dynos())
            case "POST", ["log-sessions"]:
                return answered({"logplex_url": f"{self.url}/stream/log"}, 201)
            case "GET", ["config-vars"]:
                return answered(self.config)
            case "PATCH", ["config-vars"]:
                self.config |= asked.json
                self.release(
                    "Set config vars", self.releases[-1]["slug"] and self.releases[-1]["slug"]["id"]
                )
                return answered(self.config)

        return refused(404, "not_found", f"{asked.method} {asked.path}")

    def _new_build(self, version: str) -> dict[str, Any]:
        number = len(self.builds) + 1
        made = {
            "id": f"build-{number}",
            "status": "pending",
            "created_at": f"2026-01-01T00:00:0{number}Z",
            "source_blob": {"version": version},
            "output_stream_url": f"{self.url}/stream/build",
            "slug": None,
            "release": None,
        }
        self.builds.append(made)
        return made

    def _ripe(self, id_: str) -> bool:
        self._seen[id_] = self._seen.get(id_, 0) + 1
        return self._seen[id_] > self.looks

    def _build(self, id_: str) -> dict[str, Any]:
        found = next(each for each in self.builds if each["id"] == id_)
        if found["status"] == "pending" and self._ripe(id_):
            found["status"] = self.build_ends
            if self.build_ends == "succeeded":
                found["slug"] = {"id": f"slug-{id_}"}
                found["release"] = {"id": self.release("Deploy", f"slug-{id_}")["id"]}

        return found

    def _aged(self, release: dict[str, Any]) -> dict[str, Any]:
        if release["status"] == "pending" and self._ripe(release["id"]):
            release["status"] = self.release_ends
            if self.release_ends == "succeeded":
                for each in self.releases:
                    each["current"] = each is release

        return release

    def _dynos(self) -> list[dict[str, Any]]:
        state = self.dyno_states.pop(0) if len(self.dyno_states) > 1 else self.dyno_states[0]
        number = next(each["version"] for each in self.releases if each["current"])
        return [
            {
                "id": "d",
                "name": f"web.{workspace + 1}",
                "type": "web",
                "state": state,
                "release": {"id": "r", "version": number},
                "size": "Basic",
                "updated_at": "now",
            }
            for workspace in range(self.quantity)
        ]
