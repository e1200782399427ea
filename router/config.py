"""The router's configuration. No other module reads the environment."""

import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from rollout.settings import Settings, from_mapping


class RouterMisconfigured(Exception):
    """The router cannot start. The message names the variable or file, and the next step."""


@dataclass(frozen=True)
class RouterConfig:
    """The configuration of one router process. Its repr has no secrets.

    state: the folder of the saved routing table and the workers' metrics. socket_is_held: `bind` is
    an inherited socket, which the supervisor keeps open while the router restarts."""

    settings: Settings
    state: Path
    database_url: str
    service_secret: str
    token_key: bytes
    host: str
    bind: str
    operator_token: str = ""
    tokens: str = ""
    webhook_secret: bytes = b""
    through: str = ""
    socket_is_held: bool = False

    def __repr__(self) -> str:
        """The configuration without its secrets."""
        return (
            f"Config(model={self.settings.model!r}, state={str(self.state)!r}, bind={self.bind!r})"
        )


def from_environment(environ: Mapping[str, str] = os.environ) -> RouterConfig:
    """Read the environment.

    SLUICE_CONFIG, SLUICE_STATE, DATABASE_URL, PORT, SLUICE_SERVICE_SECRET and SLUICE_TOKEN_KEY.
    SLUICE_LISTEN_FD replaces PORT: the number of an inherited listening socket.
    SLUICE_OPERATOR_TOKEN: without it no request is the operator's.
    SLUICE_TOKENS: the named tokens' list, instead of the file in the state folder.
    SLUICE_WEBHOOK_SECRET: needed where webhooks.urls names receivers.
    SLUICE_CONNECT_THROUGH: `host:port` of an emulated platform's proxy in front of the versions."""
    settings = _settings(Path(environ.get("SLUICE_CONFIG", "deploy.toml")))
    state = Path(environ.get("SLUICE_STATE", "var")).absolute()
    port, inherited = environ.get("PORT"), environ.get("SLUICE_LISTEN_FD", "")
    # A dyno is reached from outside its host.
    host = "0.0.0.0" if "DYNO" in environ else settings.router.host  # noqa: S104
    return RouterConfig(
        settings=settings,
        state=state,
        database_url=environ.get("DATABASE_URL") or f"sqlite:///{state / 'ledger.db'}",
        service_secret=_required(environ, "SLUICE_SERVICE_SECRET"),
        token_key=_required(environ, "SLUICE_TOKEN_KEY").encode(),
        host=host,
        bind=f"fd://{inherited}" if inherited else f"{host}:{port or settings.router.port}",
        tokens=environ.get("SLUICE_TOKENS", ""),
        operator_token=_optional(environ, "SLUICE_OPERATOR_TOKEN"),
        webhook_secret=_webhook_secret(environ) if settings.webhooks.urls else b"",
        through=environ.get("SLUICE_CONNECT_THROUGH", ""),
        socket_is_held=bool(inherited),
    )


def _settings(path: Path) -> Settings:
    try:
        return from_mapping(tomllib.loads(path.read_text()))
    except FileNotFoundError as error:
        raise RouterMisconfigured(
            f"{path} is missing: set SLUICE_CONFIG or run in the project's folder"
        ) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise RouterMisconfigured(f"{path} is not TOML: {error}") from error


def _webhook_secret(environ: Mapping[str, str]) -> bytes:
    secret = environ.get("SLUICE_WEBHOOK_SECRET", "")
    if len(secret) < 16:
        raise RouterMisconfigured(
            "webhooks.urls names receivers and SLUICE_WEBHOOK_SECRET, which signs what they get, "
            "is missing or shorter than 16 characters: set it where `python deploy.py up` runs, or "
            "empty webhooks.urls"
        )

    return secret.encode()


def _required(environ: Mapping[str, str], name: str) -> str:
    value = environ.get(name, "")
    if len(value) < 16:
        raise RouterMisconfigured(
            f"{name} is missing or shorter than 16 characters: `python deploy.py up` makes one"
        )

    return value


def _optional(environ: Mapping[str, str], name: str) -> str:
    if environ.get(name):
        return _required(environ, name)
    return ""
