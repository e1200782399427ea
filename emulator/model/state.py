"""All that the platform knows, in memory. It belongs to one event loop."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol, TypeVar

from emulator.dynos.logs import Session
from emulator.dynos.streams import Stream
from emulator.model.app import Addon, App, Attachment
from emulator.model.pipeline import Coupling, Pipeline, Promotion
from emulator.model.record import Account

STREAMS, SESSIONS = 500, 1000


class Owned(Protocol):
    """Something that belongs to an app."""

    app: App


class Named(Protocol):
    """Something that has an id and a name."""

    id: str
    name: str


T = TypeVar("T")
OwnedT = TypeVar("OwnedT", bound=Owned)
NamedT = TypeVar("NamedT", bound=Named)


def remember(entries: dict[str, T], key: str, value: T, most: int) -> T | None:
    """Add an entry; returns the oldest, removed, when there would be more than `most`."""
    oldest = entries.pop(next(iter(entries))) if len(entries) >= most else None
    entries[key] = value
    return oldest


def of_app(resources: dict[str, OwnedT], app: App) -> list[OwnedT]:
    """Those that belong to this app, as a list of its own."""
    return [resource for resource in resources.values() if resource.app is app]


def of_account(resources: dict[str, OwnedT], account: Account) -> list[OwnedT]:
    """Those that belong to apps of this account."""
    return [resource for resource in resources.values() if resource.app.owner is account]


def by_id_or_name(resources: Iterable[NamedT], word: str) -> NamedT | None:
    """The first with this id or name."""
    for resource in resources:
        if word in (resource.id, resource.name):
            return resource

    return None


@dataclass(eq=False)
class State:
    """Everything. The keys of `sources`, `streams` and `sessions` are the secret part of their
    addresses; a session stands with the platform's time at which it began.
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
    streams: dict[str, Stream] = field(default_factory=dict)
    sessions: dict[str, tuple[Session, float]] = field(default_factory=dict)

    def app(self, word: str) -> App | None:
        """An app by id or name."""
        return self.apps.get(word) or by_id_or_name(self.apps.values(), word)

    def app_by_host(self, host: str) -> App | None:
        """An app by the host of its web_url."""
        for app in self.apps.values():
            if app.host == host:
                return app

        return None

    def apps_of(self, account: Account) -> list[App]:
        """The apps of an account."""
        return [app for app in self.apps.values() if app.owner is account]

    def pipelines_of(self, account: Account) -> list[Pipeline]:
        """The pipelines of an account."""
        return [pipeline for pipeline in self.pipelines.values() if pipeline.owner is account]

    def attachments_of_addon(self, addon: Addon) -> list[Attachment]:
        """The attachments of an add-on, in all apps."""
        return [entry for entry in self.attachments.values() if entry.addon is addon]

    def members(self, pipeline: Pipeline) -> list[Coupling]:
        """The apps of a pipeline, with their stages."""
        return [coupling for coupling in self.couplings.values() if coupling.pipeline is pipeline]
