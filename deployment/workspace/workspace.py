"""What the environment says of an act: folders, database, actor. It is read here alone."""

import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from deployment.workspace.errors import Misconfigured
from deployment.workspace.text_file import read_line, read_text
from rollout.settings import Deployment, Settings, from_mapping

ROOT = Path(__file__).resolve().parent.parent.parent
SOCKET_BYTES = 100
LONGEST_SOCKET_NAME = 24
DATABASE_ANEW = "restore it, or remove it: `python deploy.py up` keeps the address anew"


@dataclass(frozen=True)
class Workspace:
    """Where an act happens.

    root: the project, in which the Procfile's commands run
    state: everything that is kept (`var/`)
    run: sockets and locks
    port: of the router, None for the one that deploy.toml names
    webhook_secret: handed on to the router, if set
    through: a `host:port` that answers for all names of a platform, in a rehearsal
    """

    root: Path
    config: Path
    settings: Settings
    state: Path
    run: Path
    releases: Path
    keys: Path
    procfile: Path
    database_url: str = field(repr=False)
    database_is_file: bool
    actor: str
    port: int | None
    webhook_secret: str = field(default="", repr=False)
    through: str = ""

    @property
    def model_file(self) -> Path:
        """Which model the router here serves."""
        return self.run / "router.model"

    @property
    def url_file(self) -> Path:
        """Holds the router's URL while it runs."""
        return self.state / "run" / "router.url"

    @property
    def database_file(self) -> Path:
        """Holds the address of the record's database on a platform, for this user alone."""
        return self.state / "secrets" / "database-url"

    @property
    def log(self) -> Path:
        """One log file a program."""
        return self.state / "log"

    @property
    def public_key(self) -> Path:
        """The key that bundles must be signed with."""
        return self.keys / "sluice.pub"

    def address(self, program: str) -> str:
        """The unix socket of a version's process group; short enough for the kernel whatever the
        version's name.
        """
        plain = self.run / f"{program}.sock"
        if len(os.fsencode(plain)) > SOCKET_BYTES:
            import hashlib

            plain = self.run / f"{hashlib.sha256(program.encode()).hexdigest()[:16]}.sock"

        return f"unix:{plain}"


def workspace_from_environment(
    environ: Mapping[str, str] = os.environ, settings: Settings | None = None
) -> Workspace:
    """The workspace that the environment describes; `settings` replaces those of deploy.toml.

    Raises BadSetting, Misconfigured.

    SLUICE_CONFIG, SLUICE_STATE, SLUICE_RELEASES, SLUICE_KEYS and SLUICE_PROCFILE move what lies in
    the project's folder; DATABASE_URL names the record's database, PORT the router's port,
    SLUICE_ACTOR who acts, SLUICE_WEBHOOK_SECRET what signs the webhooks, SLUICE_CONNECT_THROUGH the
    front of a rehearsal."""
    config = _path(environ, "SLUICE_CONFIG", "deploy.toml")
    state = _path(environ, "SLUICE_STATE", "var")
    settings = settings or read_settings(config)
    if state.exists() and not state.is_dir():
        raise Misconfigured(
            f"{state} is no folder: set SLUICE_STATE to one, or to a name that is free"
        )

    url = environ.get("DATABASE_URL", "")
    is_file = not url and settings.deployment.target == Deployment.target
    if is_file:
        url = f"sqlite:///{state / 'ledger.db'}"
    elif not url:
        # The `up` of any other target orders a database and keeps its address.
        url = read_line(state / "secrets" / "database-url", DATABASE_ANEW) or ""

    return Workspace(
        root=ROOT,
        config=config,
        settings=settings,
        state=state,
        run=run_folder(state),
        releases=_path(environ, "SLUICE_RELEASES", "releases"),
        keys=_path(environ, "SLUICE_KEYS", "keys"),
        procfile=_path(environ, "SLUICE_PROCFILE", "Procfile"),
        database_url=url,
        database_is_file=is_file,
        actor=environ.get("SLUICE_ACTOR") or _user_at_host(),
        port=_port(environ.get("PORT", "")),
        webhook_secret=environ.get("SLUICE_WEBHOOK_SECRET", ""),
        through=environ.get("SLUICE_CONNECT_THROUGH", ""),
    )


def read_settings(path: Path) -> Settings:
    """The settings of a deploy.toml; raises Misconfigured, or BadSetting naming the key."""
    try:
        text = read_text(path, "give its file, or set SLUICE_CONFIG to another", "save it as UTF-8")
        return from_mapping(tomllib.loads(text))
    except FileNotFoundError as error:
        raise Misconfigured(
            f"{path} is missing: restore it, or set SLUICE_CONFIG to the file to use"
        ) from error
    except tomllib.TOMLDecodeError as error:
        raise Misconfigured(f"{path} is not TOML: {error}") from error


def run_folder(state: Path) -> Path:
    """Where sockets lie: in the state folder, or in a private one of the system's where that path
    is too long.
    """
    near = state / "run"
    if len(os.fsencode(near)) + 1 + LONGEST_SOCKET_NAME <= SOCKET_BYTES:
        return near

    import hashlib
    import tempfile

    key = hashlib.sha256(os.fsencode(state)).hexdigest()[:16]
    return Path(tempfile.gettempdir()) / f"sluice-{os.getuid()}-{key}"


def _path(environ: Mapping[str, str], name: str, default: str) -> Path:
    given = environ.get(name)
    if given:
        return Path(os.path.abspath(given))
    return ROOT / default


def _port(text: str) -> int | None:
    if not text:
        return None
    if not text.isascii() or not text.isdigit() or int(text) > 65_535:
        raise Misconfigured(f"PORT is {text!r}: give a number from 0 to 65535")
    return int(text)


def _user_at_host() -> str:
    import getpass

    try:
        user = getpass.getuser()
    except (KeyError, OSError):
        user = str(os.getuid())

    return f"{user}@{os.uname().nodename}"
