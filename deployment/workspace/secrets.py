"""The secrets of a stack, made by `up`.

service: the bearer token between router and versions; token: the key that signs prediction ids;
operator: the bearer token that the router asks of its operator."""

import os
import secrets
from dataclasses import dataclass, field
from pathlib import Path

from deployment.workspace.errors import Misconfigured
from deployment.workspace.text_file import read_line
from deployment.workspace.workspace import Workspace

WEBHOOK_SECRET_LENGTH = 16
ANEW = "restore it, or remove it: `python deploy.py down`, then `up` makes a new one"


@dataclass(frozen=True)
class Secrets:
    """64 hex digits each; never printed."""

    service: str = field(repr=False)
    token: str = field(repr=False)
    operator: str = field(default="", repr=False)


def make_secrets(workspace: Workspace) -> Secrets:
    """The stack's secrets, made on first use: files of mode 0600 in a folder of mode 0700."""
    folder = workspace.state / "secrets"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder.chmod(0o700)
    for name in ("service", "token", "operator"):
        _make(folder / name)

    return read_secrets(workspace)


def read_secrets(workspace: Workspace) -> Secrets:
    """The stack's secrets; raises Misconfigured where they were never made, or were damaged.

    A stack of an earlier release has no operator's token until its next `up`.
    """
    folder = workspace.state / "secrets"
    service, token = _kept(folder / "service"), _kept(folder / "token")
    if service is None or token is None:
        raise Misconfigured(f"{folder} has no secrets yet: `python deploy.py up` makes them")
    return Secrets(service, token, _kept(folder / "operator") or "")


def _kept(path: Path) -> str | None:
    secret = read_line(path, ANEW)
    if secret is not None and not secret.isascii():
        raise Misconfigured(f"{path} holds no secret that a header can carry: {ANEW}")
    return secret


def check_webhook_secret(workspace: Workspace) -> None:
    """Raise Misconfigured where deploy.toml names receivers and no secret signs the webhooks."""
    if workspace.settings.webhooks.urls and len(workspace.webhook_secret) < WEBHOOK_SECRET_LENGTH:
        raise Misconfigured(
            "webhooks.urls names receivers and SLUICE_WEBHOOK_SECRET is missing or shorter than "
            f"{WEBHOOK_SECRET_LENGTH} characters: set it, or empty webhooks.urls in deploy.toml"
        )


def _make(path: os.PathLike[str]) -> None:
    # Written aside and linked into place, so that nobody ever reads half a secret and the first one
    # made stays.
    draft = f"{os.fspath(path)}.{os.getpid()}"
    if os.path.exists(path):
        return

    with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(secrets.token_hex(32))

    try:
        os.link(draft, path)
    except FileExistsError:
        pass
    finally:
        os.unlink(draft)
