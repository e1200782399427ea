"""Who talks to which Platform API: token and address, by the rules of Heroku's own command line.

The token is taken from HEROKU_API_KEY, else from the line `machine api.heroku.com` of ~/.netrc.
HEROKU_API_URL, else HEROKU_HOST, moves the API. It may name Heroku's own domains or this machine
and nothing else, because the token is sent there; where Heroku's command line warns and goes on
with the default, this refuses."""

import netrc
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from deployment.workspace.errors import Misconfigured
from targets.heroku.errors import NoToken

API_HOST = "api.heroku.com"
DOMAINS = ("heroku.com", "herokai.com", "herokuspace.com", "herokudev.com")
THIS_MACHINE = ("localhost", "127.0.0.1", "::1")


@dataclass(frozen=True)
class Account:
    """One account.

    token: never printed
    api: the API's address without a slash at its end
    token_from: where the token was found
    """

    token: str = field(repr=False)
    api: str
    token_from: str

    @property
    def on_this_machine(self) -> bool:
        """Whether the API is a rehearsal's."""
        return on_this_machine(self.api)


def account(environ: Mapping[str, str] = os.environ) -> Account:
    """The account of the environment; raises NoToken, or Misconfigured for a forbidden address."""
    api = _api(environ)
    token, found_in = _token(environ, urlsplit(api).hostname or "")
    if not token.isascii() or not token.isprintable() or " " in token:
        raise NoToken(f"the token of {found_in} holds characters that no token has: copy it again")
    return Account(token, api, found_in)


def _api(environ: Mapping[str, str]) -> str:
    for name in ("HEROKU_API_URL", "HEROKU_HOST"):
        if given := environ.get(name, "").strip():
            return _checked(name, given if "://" in given else _of_host(given))
    return f"https://{API_HOST}"


def _of_host(host: str) -> str:
    if host.startswith("api."):
        return f"https://{host}"
    return f"https://api.{host}"


def _checked(name: str, url: str) -> str:
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname or "", parts.port
    except ValueError as error:
        raise Misconfigured(
            f"{name} is no address ({error}): unset it, or give https://api.heroku.com"
        ) from error

    is_local = _is_here(host)
    is_heroku = f".{host}".endswith(tuple(f".{domain}" for domain in DOMAINS))
    extras = parts.username or parts.password or parts.query or parts.fragment
    if extras or not (is_local or is_heroku):
        raise Misconfigured(
            f"{name} is neither one of Heroku's hosts nor this machine: unset it, or correct it"
        )

    if parts.scheme != "https" and not (is_local and parts.scheme == "http"):
        raise Misconfigured(f"{name} would send the token unencrypted: give it as https://{host}")

    return f"{parts.scheme}://{parts.netloc}{parts.path}".rstrip("/")


def on_this_machine(url: str) -> bool:
    """Whether an address leads to this machine, as a rehearsal's does."""
    return _is_here(urlsplit(url).hostname or "")


def _is_here(host: str) -> bool:
    return host in THIS_MACHINE or host.endswith(".localhost")


def _token(environ: Mapping[str, str], host: str) -> tuple[str, str]:
    if token := environ.get("HEROKU_API_KEY", "").strip():
        return token, "HEROKU_API_KEY"

    file = Path(environ.get("NETRC") or Path(environ.get("HOME") or Path.home()) / ".netrc")
    # A rehearsal on this machine must never be told the real token.
    machine = API_HOST if host.endswith(DOMAINS) else host
    if token := _from_netrc(file, machine):
        return token, str(file)

    hint = ""
    if environ.get("HEROKU_API_TOKEN"):
        hint = " (HEROKU_API_TOKEN is set: the name is HEROKU_API_KEY)"

    raise NoToken(
        f"no Heroku token: neither HEROKU_API_KEY nor a line `machine {machine}` in {file}{hint}: "
        "`export HEROKU_API_KEY=$(heroku auth:token)`; newer versions of the `heroku` command "
        "keep it in the system's keychain, which Sluice does not read"
    )


def _from_netrc(file: Path, host: str) -> str:
    try:
        login = netrc.netrc(str(file)).authenticators(host)
    except FileNotFoundError:
        return ""
    except (netrc.NetrcParseError, OSError, UnicodeDecodeError) as error:
        reason = error.msg if isinstance(error, netrc.NetrcParseError) else type(error).__name__
        raise NoToken(
            f"{file} cannot be read ({reason}): correct it, or export HEROKU_API_KEY"
        ) from None

    if login:
        return (login[2] or "").strip()
    return ""
