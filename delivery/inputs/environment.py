"""The environment a model was trained in: every installed package with its exact version."""

import platform
import subprocess
from pathlib import Path
from typing import Any


def python_version() -> str:
    """The version of this interpreter: major.minor.micro."""
    return platform.python_version()


def environment_yaml(name: str, packages: dict[str, str]) -> dict[str, Any]:
    """A conda environment with exact pins, as plain values for YAML."""
    pins = [f"{package}=={version}" for package, version in packages.items()]
    dependencies: list[Any] = [f"python={python_version()}", "pip", {"pip": pins}]
    return {"name": name, "channels": ["conda-forge"], "dependencies": dependencies}


def git_state(folder: Path) -> dict[str, Any]:
    """The commit of a checkout and whether its tree is clean; None for both outside a checkout."""
    commit = _git(folder, "rev-parse", "HEAD")
    status = _git(folder, "status", "--porcelain")
    if commit is None:
        return {"git_commit": None, "git_clean": None}

    return {"git_commit": commit or None, "git_clean": status == ""}


def _git(folder: Path, *arguments: str) -> str | None:
    try:
        done = subprocess.run(
            ["git", *arguments],
            cwd=folder,
            capture_output=True,
            text=True,
            timeout=20,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None

    if done.returncode == 0:
        return done.stdout.strip()

    return None
