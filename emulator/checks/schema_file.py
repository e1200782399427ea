"""Where Heroku's published schema is found. It is Heroku's, so it is no part of this project."""

import os
from pathlib import Path

import httpx

ADDRESS = "https://api.heroku.com/schema"
ACCEPT = "application/vnd.heroku+json; version=3"


def cached() -> Path:
    """Where a download is kept."""
    return (
        Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
        / "sluice"
        / "heroku-schema.json"
    )


def find(named: str | None) -> Path | None:
    """The named file, else HEROKU_SCHEMA's, else the download; None when there is none."""
    for name in (named, os.environ.get("HEROKU_SCHEMA")):
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
