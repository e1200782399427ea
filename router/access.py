"""Access control: predictions, labels, health and the protocol are public, the rest is not.

The operator sends a bearer token. A caller on this machine needs none if the router listens on a
loopback address and no header shows that the request was forwarded; users' rows always need it."""

import re
from collections.abc import Iterable
from hmac import compare_digest
from ipaddress import ip_address

from rollout.settings import RouterSettings
from router.problems import Headers, Problem

# Headers that a reverse proxy adds.
_FORWARDED = frozenset(
    {
        b"forwarded",
        b"via",
        b"x-forwarded-for",
        b"x-forwarded-host",
        b"x-forwarded-proto",
        b"x-real-ip",
    }
)
_HOST = re.compile(r"(\[(?P<address>[^\[\]@]+)\]|(?P<name>[^:\[\]@/]+))(:[0-9]*)?")


class Access:
    """The access rules of one router."""

    def __init__(self, settings: RouterSettings, host: str, token: str) -> None:
        self._settings = settings
        self._open = settings.open_on_loopback and is_loopback(host)
        self._token = token.encode()

    def is_operator(self, headers: Headers) -> bool:
        """Whether a request has the operator's token."""
        given = next((value for name, value in headers if name == b"authorization"), b"")
        scheme, _, credentials = given.partition(b" ")
        fits = compare_digest(credentials.strip(b" "), self._token)
        return fits and bool(self._token) and scheme.lower() == b"bearer"

    def allows(self, headers: Headers) -> bool:
        """Whether a request may see the operator's pages, users' rows excepted."""
        return (self._open and _is_local(headers)) or self.is_operator(headers)

    def require(self, headers: Headers) -> None:
        """Raise Problem 401 unless a request may see the operator's pages."""
        if not self.allows(headers):
            raise refusal()

    def require_operator(self, headers: Headers) -> None:
        """Raise Problem 401 unless a request has the operator's token."""
        if not self.is_operator(headers):
            raise refusal()

    def require_pinning(self, headers: Headers) -> None:
        """Raise Problem 403 unless a request may choose its version, 401 for a wrong token."""
        if self._settings.pinning is True or self.is_operator(headers):
            return
        if self._settings.pinning == "loopback" and self.allows(headers):
            return
        if any(name == b"authorization" for name, _ in headers):
            raise refusal()

        raise Problem(
            403,
            "a version is chosen with the operator's bearer token only: leave out X-Model-Version "
            "and the version in the path, or set `router.pinning` in deploy.toml",
        )


def refusal() -> Problem:
    """401 for a missing or wrong token."""
    return Problem(
        401,
        "missing or invalid bearer token: the operator's lies in `secrets/operator` of the state "
        "folder",
        headers=[(b"www-authenticate", b"Bearer")],
    )


def is_loopback(host: str) -> bool:
    """Whether a host name or address, without a port, is a loopback one."""
    if host.lower().rstrip(".") == "localhost":
        return True

    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def _is_local(headers: Iterable[tuple[bytes, bytes]]) -> bool:
    """Whether the request has a loopback Host and no header of a proxy."""
    named = False
    for name, value in headers:
        if name in _FORWARDED:
            return False
        if name == b"host":
            named = True
            if not is_loopback(_without_port(value.decode("latin-1"))):
                return False

    return named


def _without_port(host: str) -> str:
    """The name or address in a Host header, empty where it is malformed."""
    match = _HOST.fullmatch(host)
    if match is None:
        return ""
    return match["address"] or match["name"]
