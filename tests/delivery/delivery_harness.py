"""A folder of recipes, releases and keys, and delivery as its callers use it."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from delivery.bundle_writer import write_contents
from delivery.pack import DeliveredVersion, deliver
from delivery.recipe import Recipe, Source, checked
from delivery.request import DeliveryRequest
from delivery.signatures import sign, signing_key
from service.bundle import Manifest

ROOT = Path(__file__).parents[2]
EVERY_FILE = [
    "distributions.json",
    "environment.yaml",
    "golden.jsonl",
    "model.onnx",
    "model.pkl",
    "release.yaml",
    "signature",
]


@dataclass
class DeliveryHarness:
    """Delivers the recipes of tests/delivery/loan_pipelines.py, or any text."""

    folder: Path
    reported: list[str] = field(default_factory=list)

    @property
    def releases(self) -> Path:
        """Where the bundles appear."""
        return self.folder / "releases"

    @property
    def keys(self) -> Path:
        """Where the keys are made."""
        return self.folder / "keys"

    @property
    def public(self) -> Path:
        """The key that bundles are trusted by."""
        return self.keys / "sluice.pub"

    def recipe(self, name: str, text: str = "") -> Path:
        """A recipe file of that name: the loan recipe of that name, or `text`."""
        path = self.folder / f"{name}.py"
        path.write_text(text or f"from tests.delivery.loan_pipelines import {name} as build\n")
        return path

    def request(self, source: str | Path, version: str = "v1", **more: Any) -> DeliveryRequest:
        """What to deliver, with everything in this folder."""
        path = self.recipe(source) if isinstance(source, str) else source
        return DeliveryRequest(version, path, "loans", self.releases, self.keys, **more)

    def deliver(self, source: str | Path, version: str = "v1", **more: Any) -> DeliveredVersion:
        """Deliver it."""
        return deliver(self.request(source, version, **more), self.reported.append)

    def write(self, recipe: Recipe, **more: Any) -> Manifest:
        """The contents of a bundle of that recipe in the folder `draft`: not signed, and not proved
        anew.
        """
        draft = self.folder / "draft"
        draft.mkdir()
        source = Source(checked(recipe, draft), "recipe", Path(__file__), "")
        request = self.request(draft, **more)
        return write_contents(draft, request, source, self.reported.append).manifest

    def left(self) -> list[str]:
        """What there is in releases/, drafts too."""
        return (
            sorted(path.name for path in self.releases.iterdir()) if self.releases.exists() else []
        )


def resign(
    bundle: Path, keys: Path, change: Callable[[dict[str, Any]], Any] = lambda manifest: None
) -> None:
    """Change the manifest and sign it again, as only the owner of the private key can."""
    path = bundle / "release.yaml"
    manifest = yaml.safe_load(path.read_bytes())
    change(manifest)
    path.write_text(yaml.safe_dump(manifest, sort_keys=False, allow_unicode=True), encoding="utf-8")
    (bundle / "signature").write_bytes(sign(path.read_bytes(), signing_key(keys)))


def vouch(manifest: dict[str, Any], name: str, raw: bytes) -> None:
    """Put a file's digest into the manifest."""
    manifest["files"][name] = {"sha256": hashlib.sha256(raw).hexdigest(), "bytes": len(raw)}
