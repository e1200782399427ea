"""Who may ask for what: predictions, labels, health and the protocol are for everybody, the rest is
the operator's.

The operator shows a bearer token. A caller on this machine needs none where the router listens on a
loopback address and nothing says that the request came from elsewhere; users' rows take the token
even then."""

import re
from collections.abc import Iterable
from hmac import compare_digest
from ipaddress import ip_address

from rollout.settings import RouterSettings
from router.problems import Headers, Problem

# What a reverse proxy adds to a request that it passes on.
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
    """The rules of one router."""

    def __init__(self, settings: RouterSettings, host: str, token: str) -> None:
        self._settings = settings
        self._open = settings.open_on_loopback and is_loopback(host)
        self._token = token.encode()

    def is_operator(self, headers: Headers) -> bool:
        """Whether a request shows the operator's token."""
        given = next((value for name, value in headers if name == b"authorization"), b"")
        scheme, _, credentials = given.partition(b" ")
        fits = compare_digest(credentials.strip(b" "), self._token)
        return fits and bool(self._token) and scheme.lower() == b"bearer"

    def allows(self, headers: Headers) -> bool:
        """Whether a request may see what is the operator's, users' rows aside."""
        return (self._open and _is_local(headers)) or self.is_operator(headers)

    def require(self, headers: Headers) -> None:
        """Raise Problem 401 where a request may not see what is the operator's."""
        if not self.allows(headers):
            raise refusal()

    def require_operator(self, headers: Headers) -> None:
        """Raise Problem 401 where a request does not show the operator's token."""
        if not self.is_operator(headers):
            raise refusal()

    def require_pinning(self, headers: Headers) -> None:
        """Raise Problem 403 where a request may not choose its version, 401 where it shows another
        token for that.
        """
        if self._settings.pinning is True or self.is_operator(headers):
            return
        if self._settings.pinning == "loopback" and self.allows(headers):
            return
        if any(name == b"authorization" for name, _ in headers):
            raise refusal()

        raise Problem(
            403,
            "a version is chosen with the operator's bearer token only: leave out X-Model-Version "
            "and the version in "
            "the path, or set `router.pinning` in deploy.toml",
        )


def refusal() -> Problem:
    """401: the token is missing or another one."""
    return Problem(
        401,
        "missing or invalid bearer token: the operator's lies in `secrets/operator` of the state "
        "folder",
        headers=[(b"www-authenticate", b"Bearer")],
    )


def is_loopback(host: str) -> bool:
    """Whether a host name or address, without a port, is this machine's own."""
    if host.lower().rstrip(".") == "localhost":
        return True

    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def _is_local(headers: Iterable[tuple[bytes, bytes]]) -> bool:
    """Whether nothing says that a proxy passed this on, or that it was asked for by a public
    name.
    """
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
    """The name of a Host header, empty for what is no name with a port."""
    found = _HOST.fullmatch(host)
    if found is None:
        return ""
    return found["address"] or found["name"]
