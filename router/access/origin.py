"""Which page a browser's request comes from: only this router's own pages may use a session.

A page of another site cannot read the cookie, but could send requests with it, and a name that it
makes point to a loopback address (DNS rebinding) would make it look like this router's own."""

import re
from ipaddress import ip_address

from router.problems import Headers

_AUTHORITY = re.compile(r"(\[(?P<address>[^\[\]@]+)\]|(?P<name>[^:\[\]@/]+))(:(?P<port>[0-9]*))?")
_DEFAULT_PORTS = {"http": "80", "https": "443"}


class KnownHosts:
    """The names under which browsers reach a router.

    names: of `router.hosts`, `host` or `host:port`. loopback: whether it listens on this machine
    alone; then its names are loopback ones and those. Else any name is its own if it has none."""

    def __init__(self, names: tuple[str, ...], loopback: bool) -> None:
        self._names = frozenset(name.lower() for name in names)
        self._loopback = loopback

    def asked_by_known_name(self, headers: Headers) -> bool:
        """Whether the Host header is a name of this router."""
        host = _only(headers, b"host")
        name = without_port(host)
        if not name:
            return False
        if self._names & {host.lower(), name.lower()}:
            return True
        if self._loopback:
            return is_loopback(name)
        return not self._names

    def comes_from_own_page(self, headers: Headers) -> bool:
        """Whether a browser says that the request comes from a page of this router."""
        site, origin = _only(headers, b"sec-fetch-site"), _only(headers, b"origin")
        if site not in ("", "same-origin"):
            return False
        # A form of a page with the referrer policy `no-referrer` is of the origin `null`.
        if origin in ("", "null"):
            return site == "same-origin"

        scheme, _, authority = origin.lower().partition("://")
        if not without_port(authority):
            return False

        own = _with_port(_only(headers, b"host").lower(), scheme)
        plain = authority.removesuffix(f":{_DEFAULT_PORTS.get(scheme, '')}")
        return _with_port(authority, scheme) == own or bool(self._names & {authority, plain})


def is_encrypted(headers: Headers) -> bool:
    """Whether the browser reached this router by TLS, as it or a proxy says."""
    if _only(headers, b"origin").startswith("https://"):
        return True
    return _only(headers, b"x-forwarded-proto").partition(",")[0].strip().lower() == "https"


def is_loopback(host: str) -> bool:
    """Whether a host name or address, without a port, is a loopback one."""
    if host.lower().rstrip(".") == "localhost":
        return True

    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def without_port(host: str) -> str:
    """The name or address in a Host header, empty where it is malformed."""
    match = _AUTHORITY.fullmatch(host)
    if match is None:
        return ""
    return match["address"] or match["name"]


def _with_port(authority: str, scheme: str) -> str:
    match = _AUTHORITY.fullmatch(authority)
    if match is None or match["port"]:
        return authority
    return f"{authority.rstrip(':')}:{_DEFAULT_PORTS.get(scheme, '')}"


def _only(headers: Headers, name: bytes) -> str:
    """The value of a header that may be there once; of two, one that fits nothing."""
    values = [value for key, value in headers if key == name]
    if len(values) > 1:
        return "twice:twice:"
    return values[0].decode("latin-1") if values else ""
