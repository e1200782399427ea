"""Pipelines, the stages of their apps, and promotions."""

from dataclasses import dataclass

from emulator.model.app import App, Release
from emulator.model.record import Account, Record


@dataclass(eq=False)
class Pipeline(Record):
    """Apps in stages."""

    name: str
    owner: Account


@dataclass(eq=False)
class Coupling(Record):
    """An app's stage in a pipeline."""

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
    """The release of one app's slug on other apps. status: pending, completed."""

    pipeline: Pipeline
    source: Release
    targets: list[Target]
    status: str = "pending"
