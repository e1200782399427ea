"""An app and all that belongs to it: slugs, builds, releases, dynos, add-ons and log drains.

They refer to each other, so they stand in one file. They hold facts and do nothing.
"""

import asyncio
import secrets
from collections import deque
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from emulator.condition import Condition
from emulator.dynos.logs import Log
from emulator.dynos.streams import Stream
from emulator.model.ids import new_id
from emulator.model.record import Account, Record
from emulator.model.sizes import DEFAULT, Size

STACKS = ("heroku-22", "heroku-24", "heroku-26")


@dataclass(eq=False)
class Slug(Record):
    """The result of a build; `folder` holds the files under `app/`. size: bytes compressed."""

    folder: Path
    process_types: dict[str, str]
    stack: str
    commit: str | None
    checksum: str | None
    size: int


@dataclass(eq=False)
class Build(Record):
    """One run of the buildpack. status: pending, succeeded, failed."""

    app: "App"
    user: Account
    source: dict[str, Any]
    buildpacks: list[str]
    output: Stream
    status: str = "pending"
    slug: Slug | None = None
    release: "Release | None" = None
    cancelled: bool = False


@dataclass(eq=False)
class Release(Record):
    """Slug and config under a version. status: pending, succeeded, failed."""

    app: "App"
    user: Account
    version: int
    description: str
    slug: Slug | None
    config: dict[str, str]
    status: str = "pending"
    output: Stream | None = None
    addon_plans: list[str] = field(default_factory=list)


@dataclass(eq=False)
class Formation(Record):
    """How many dynos of a process type, and of which size."""

    type: str
    command: str
    quantity: int
    size: Size = DEFAULT


@dataclass(eq=False)
class Dyno(Record):
    """One dyno and its processes. state: starting, up, crashed, down.

    A held dyno (preboot) is up and gets no requests. `group` is the id of its process group, `home`
    the folder of its files, `idle` the router's free connections to it. `ended` is set once its
    processes have ended and its files are removed.
    """

    app: "App"
    type: str
    name: str
    command: str
    size: Size
    release: Release
    state: str = "starting"
    held: bool = False
    stopping: bool = False
    port: int | None = None
    in_flight: int = 0
    group: int | None = None
    home: Path | None = None
    output: Stream | None = None
    extra: dict[str, str] = field(default_factory=dict)
    idle: deque[Any] = field(default_factory=deque, repr=False)
    ended: asyncio.Event = field(default_factory=asyncio.Event, repr=False)

    @property
    def routable(self) -> bool:
        """Whether the router may send requests to it now."""
        return self.state == "up" and not self.held and not self.stopping

    def log(self, text: str) -> None:
        """Log a line of the dyno manager."""
        self.app.log.add("heroku", self.name, text)

    def change_state(self, state: str) -> None:
        """Change the state, log that and wake who waits for a change of the app."""
        if state != self.state:
            self.log(f"State changed from {self.state} to {state}")
            self.state = state
            self.touch()
            self.app.changed.notify()


@dataclass(eq=False)
class Addon(Record):
    """A service bought for an app. state: provisioning, provisioned, deprovisioned."""

    name: str
    plan: str
    app: "App"
    config: dict[str, str] = field(default_factory=dict)
    state: str = "provisioning"


@dataclass(eq=False)
class Attachment(Record):
    """An add-on's name within an app; its config vars begin with that name."""

    name: str
    addon: Addon
    app: "App"

    def config(self) -> dict[str, str]:
        """The config vars it gives the app."""
        return {f"{self.name}_{key}": value for key, value in self.addon.config.items()}


@dataclass(eq=False)
class Drain(Record):
    """An address that an app's log is sent on to; the address may hold a secret."""

    app: "App"
    url: str
    token: str = field(default_factory=lambda: f"d.{new_id()}")


@dataclass(eq=False)
class App(Record):
    """One application.

    `dynos` are those that the API lists; `unlisted` still serve under preboot. `queued` counts the
    requests that wait for a dyno.
    """

    name: str
    owner: Account
    log: Log
    stack: str = "heroku-24"
    host: str = ""
    maintenance: bool = False
    buildpacks: list[str] = field(default_factory=list)
    features: dict[str, bool] = field(default_factory=dict)
    builds: list[Build] = field(default_factory=list)
    slugs: list[Slug] = field(default_factory=list)
    releases: list[Release] = field(default_factory=list)
    formation: dict[str, Formation] = field(default_factory=dict)
    dynos: list[Dyno] = field(default_factory=list)
    unlisted: list[Dyno] = field(default_factory=list)
    drains: list[Drain] = field(default_factory=list)
    changed: Condition = field(default_factory=Condition)
    queued: int = 0

    def rename(self, name: str) -> None:
        """Take a name and a new host, which also has a random part."""
        self.name, self.host = name, f"{name}-{secrets.token_hex(6)}.herokuapp.com"
        self.touch()

    @property
    def web_url(self) -> str:
        """The address for its users."""
        return f"https://{self.host}/"

    @property
    def current(self) -> Release | None:
        """The newest release that succeeded: the one whose slug and config run."""
        for release in reversed(self.releases):
            if release.status == "succeeded":
                return release

        return None

    @property
    def newest_not_failed(self) -> Release | None:
        """The release that the next one starts from."""
        for release in reversed(self.releases):
            if release.status != "failed":
                return release

        return None

    @property
    def config(self) -> dict[str, str]:
        """The config vars in force."""
        if self.current:
            return self.current.config
        return {}

    @property
    def next_config(self) -> dict[str, str]:
        """A copy of the config vars that the next release starts from."""
        if self.newest_not_failed:
            return dict(self.newest_not_failed.config)
        return {}

    @property
    def web_dynos(self) -> list[Dyno]:
        """All web dynos that may serve, listed or not."""
        return [dyno for dyno in [*self.dynos, *self.unlisted] if dyno.type == "web"]
