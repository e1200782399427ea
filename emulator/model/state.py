"""All that the platform knows, in memory. Belongs to one event loop; nothing here does anything."""

import secrets
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar
from uuid import uuid4

from emulator.condition import Condition
from emulator.model.clock import stamp
from emulator.model.ids import new_id
from emulator.model.sizes import DEFAULT, Size

if TYPE_CHECKING:
    from emulator.dynos.dyno import Dyno
    from emulator.dynos.logs import Log
    from emulator.dynos.streams import Stream

T = TypeVar("T")
STREAMS, SESSIONS = 500, 1000
STACKS = ("heroku-22", "heroku-24", "heroku-26")


def remember(kept: dict[str, T], key: str, value: T, most: int) -> T | None:
    """Put it there; returns the oldest, taken out, when there would be more than `most`."""
    oldest = kept.pop(next(iter(kept))) if len(kept) >= most else None
    kept[key] = value
    return oldest


@dataclass(eq=False)
class Account:
    """Somebody with a token."""

    email: str
    token: str = field(default_factory=lambda: f"HRKU-{uuid4()}")
    id: str = field(default_factory=new_id)
    created_at: str = field(default_factory=stamp)


@dataclass(eq=False)
class Record:
    """What most things have."""

    id: str = field(default_factory=new_id, kw_only=True)
    created_at: str = field(default_factory=stamp, kw_only=True)
    updated_at: str = field(default_factory=stamp, kw_only=True)

    def touch(self) -> None:
        """Something about it changed now."""
        self.updated_at = stamp()


@dataclass(eq=False)
class Slug(Record):
    """What a build made; `folder` holds the files under `app/`. size: bytes compressed."""

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
    output: "Stream"
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
    output: "Stream | None" = None
    addon_plans: list[str] = field(default_factory=list)


@dataclass(eq=False)
class Formation(Record):
    """How many dynos of a process type, and of which size."""

    type: str
    command: str
    quantity: int
    size: Size = DEFAULT


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
    """Where an app's log goes on to; the address may hold a secret."""

    app: "App"
    url: str
    token: str = field(default_factory=lambda: f"d.{new_id()}")


@dataclass(eq=False)
class App(Record):
    """One application. `dynos` are those that the API lists; `unlisted` still serve under
    preboot.
    """

    name: str
    owner: Account
    log: "Log"
    stack: str = "heroku-24"
    host: str = ""
    maintenance: bool = False
    buildpacks: list[str] = field(default_factory=list)
    features: dict[str, bool] = field(default_factory=dict)
    builds: list[Build] = field(default_factory=list)
    slugs: list[Slug] = field(default_factory=list)
    releases: list[Release] = field(default_factory=list)
    formation: dict[str, Formation] = field(default_factory=dict)
    dynos: list["Dyno"] = field(default_factory=list)
    unlisted: list["Dyno"] = field(default_factory=list)
    drains: list[Drain] = field(default_factory=list)
    changed: Condition = field(default_factory=Condition)
    queued: int = 0

    def rename(self, name: str) -> None:
        """Take a name; the host is never derived from it alone."""
        self.name, self.host = name, f"{name}-{secrets.token_hex(6)}.herokuapp.com"
        self.touch()

    @property
    def web_url(self) -> str:
        """Where its users find it."""
        return f"https://{self.host}/"

    @property
    def current(self) -> Release | None:
        """The newest release that succeeded: the one whose slug and config run."""
        return next((each for each in reversed(self.releases) if each.status == "succeeded"), None)

    @property
    def config(self) -> dict[str, str]:
        """The config vars in force."""
        if self.current:
            return self.current.config
        return {}


@dataclass(eq=False)
class Pipeline(Record):
    """Apps in stages."""

    name: str
    owner: Account


@dataclass(eq=False)
class Coupling(Record):
    """An app's place in a pipeline."""

    app: App
    pipeline: Pipeline
    stage: str


@dataclass(eq=False)
class Target(Record):
    """One app that a promotion promotes to. status: pending, succeeded, failed."""

    app: App
    status: str = "pending"
    error: str | None = None
    release: Release | None = None


@dataclass(eq=False)
class Promotion(Record):
    """One slug on its way to other apps. status: pending, completed."""

    pipeline: Pipeline
    source: Release
    targets: list[Target]
    status: str = "pending"


@dataclass(eq=False)
class World:
    """Everything. `sources`, `streams` and `sessions` are found by the secret part of their
    addresses.
    """

    folder: Path
    accounts: list[Account] = field(default_factory=list)
    apps: dict[str, App] = field(default_factory=dict)
    addons: dict[str, Addon] = field(default_factory=dict)
    attachments: dict[str, Attachment] = field(default_factory=dict)
    pipelines: dict[str, Pipeline] = field(default_factory=dict)
    couplings: dict[str, Coupling] = field(default_factory=dict)
    promotions: dict[str, Promotion] = field(default_factory=dict)
    sources: dict[str, Path] = field(default_factory=dict)
    streams: dict[str, "Stream"] = field(default_factory=dict)
    sessions: dict[str, Any] = field(default_factory=dict)

    def app(self, word: str) -> App | None:
        """By id or name."""
        return self.apps.get(word) or next(
            (app for app in self.apps.values() if app.name == word), None
        )

    def app_by_host(self, host: str) -> App | None:
        """By the host of its web_url."""
        return next((app for app in self.apps.values() if app.host == host), None)
