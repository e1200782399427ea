"""Where Heroku's published schema lies. It is Heroku's, so it is no part of this project."""

import os
from pathlib import Path

import httpx

ADDRESS = "https://api.heroku.com/schema"
ACCEPT = "application/vnd.heroku+json; version=3"


def cached() -> Path:
    """Where the download lies, or would lie."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return cache / "sluice" / "heroku-schema.json"


def find(option: str | None) -> Path | None:
    """The file of the option, else HEROKU_SCHEMA's, else the download; None when there is none."""
    for name in (option, os.environ.get("HEROKU_SCHEMA")):
        if name:
            return Path(name)

    if cached().is_file():
        return cached()
    return None


def fetch() -> Path:
    """Download it into the user's cache, which needs no account; raises httpx.HTTPError."""
    answer = httpx.get(ADDRESS, headers={"Accept": ACCEPT}, timeout=30).raise_for_status()
    path = cached()
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(answer.content)
    return path
