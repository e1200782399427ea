"""The rules: who may see and do what at one router.

Predictions, labels, health and the protocol are for everybody. To look needs a viewer, or a caller
on this machine if the router listens on a loopback address and no header shows that the request was
forwarded, or an area that `router.public` names. Users' rows need a viewer, acts an operator."""

from collections.abc import Iterable

from rollout.access_tokens import NamedToken, TokenRole
from rollout.settings import RouterSettings
from router.access.areas import NEEDED, Area
from router.access.callers import LOCAL, STRANGER, Caller, Role
from router.access.origin import KnownHosts, is_loopback, without_port
from router.access.sessions import Sessions
from router.access.token_list import TokenList
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
SAFE_METHODS = ("GET", "HEAD", "OPTIONS")
_ROLES = {TokenRole.VIEWER: Role.VIEWER, TokenRole.OPERATOR: Role.OPERATOR}


class Access:
    """The access rules of one router."""

    def __init__(
        self, settings: RouterSettings, host: str, tokens: TokenList, session_key: bytes
    ) -> None:
        self._settings = settings
        self._open = settings.open_on_loopback and is_loopback(host)
        self.tokens = tokens
        self.sessions = Sessions(session_key, tokens, settings.session_s)
        self.hosts = KnownHosts(settings.hosts, is_loopback(host))
        self._public = frozenset({Area.PUBLIC, *map(Area, settings.public)})

    def caller(self, method: str, headers: Headers) -> Caller:
        """Who asks, by bearer token, by session, or as a caller on this machine.

        Raises Problem 403 where a session is used by a page of another site."""
        if (token := self._bearer(headers)) is not None:
            return Caller(_ROLES[token.role], token.name, "token")

        if (token := self.sessions.token_of(_cookies(headers))) is not None:
            self._check_origin(method, headers)
            return Caller(_ROLES[token.role], token.name, "session")

        if self._is_here(headers):
            return LOCAL
        return STRANGER

    def require(self, area: Area, method: str, headers: Headers) -> Caller:
        """The caller; raises Problem 401 or 403 unless the caller may enter the area.

        Of an area that is for everybody nobody is asked who they are."""
        if area in self._public:
            return STRANGER

        caller = self.caller(method, headers)
        if caller.role >= NEEDED[area]:
            return caller
        if caller.role >= Role.VIEWER:
            raise Problem(
                403,
                f"the token {caller.name} may look and not act: `python deploy.py tokens add NAME "
                "--role operator` makes one that may",
            )

        raise refusal()

    def sees(self, method: str, headers: Headers) -> bool:
        """Whether an answer for everybody may tell this caller more: what the status has."""
        return self._least(Role.LOCAL, method, headers)

    def sees_rows(self, method: str, headers: Headers) -> bool:
        """Whether the caller may see users' rows."""
        return self._least(Role.VIEWER, method, headers)

    def _least(self, role: Role, method: str, headers: Headers) -> bool:
        try:
            return self.caller(method, headers).role >= role
        except Problem:
            return False

    def require_pinning(self, headers: Headers) -> None:
        """Raise Problem 403 unless a request may choose its version, 401 for a wrong token."""
        if self._settings.pinning is True:
            return
        if self._settings.pinning == "loopback" and self._is_here(headers):
            return

        # A session is for pages; a version is chosen by programs.
        token = self._bearer(headers)
        if token is not None and token.role is TokenRole.OPERATOR:
            return
        if token is None and any(name == b"authorization" for name, _ in headers):
            raise refusal()

        raise Problem(
            403,
            "a version is chosen with an operator's bearer token only: leave out X-Model-Version "
            "and the version in the path, or set `router.pinning` in deploy.toml",
        )

    def _is_here(self, headers: Headers) -> bool:
        """Whether a caller on this machine asks a router that is open to it."""
        return self._open and _is_local(headers)

    def _bearer(self, headers: Headers) -> NamedToken | None:
        """The token that a request shows in its Authorization header."""
        given = next((value for name, value in headers if name == b"authorization"), b"")
        scheme, _, credentials = given.partition(b" ")
        if scheme.lower() != b"bearer":
            return None
        return self.tokens.of_token(credentials.strip(b" "))

    def _check_origin(self, method: str, headers: Headers) -> None:
        """Raise Problem 403 unless a session is used under a known name, and to act, by this
        router's own page.
        """
        self.check_host(headers)
        if method not in SAFE_METHODS:
            self.check_page(headers)

    def check_host(self, headers: Headers) -> None:
        """Raise Problem 403 unless the request is for a known name of this router."""
        if not self.hosts.asked_by_known_name(headers):
            raise Problem(
                403,
                "this router is not known by the name in the Host header: sign in under its own, "
                "or add the name to `router.hosts` in deploy.toml",
            )

    def check_page(self, headers: Headers) -> None:
        """Raise Problem 403 unless a browser sends the request from this router's own page."""
        if not self.hosts.comes_from_own_page(headers):
            raise Problem(
                403,
                "the request does not come from this router's own page (Origin, Sec-Fetch-Site): "
                "send it from there, or with `Authorization: Bearer TOKEN` and no cookie; behind "
                "a proxy that changes the Host header, name the page's in `router.hosts`",
            )


def refusal() -> Problem:
    """401 for a missing or wrong token."""
    return Problem(
        401,
        "missing or invalid bearer token, or a session that has ended: sign in at the page /, or "
        "send `Authorization: Bearer TOKEN`. `python deploy.py tokens add NAME --role viewer` "
        "makes a token; the operator's own lies in `secrets/operator` of the state folder",
        headers=[(b"www-authenticate", b"Bearer")],
    )


def _cookies(headers: Headers) -> str:
    return "; ".join(value.decode("latin-1") for name, value in headers if name == b"cookie")


def _is_local(headers: Iterable[tuple[bytes, bytes]]) -> bool:
    """Whether the request has a loopback Host and no header of a proxy."""
    named = False
    for name, value in headers:
        if name in _FORWARDED:
            return False
        if name == b"host":
            named = True
            if not is_loopback(without_port(value.decode("latin-1"))):
                return False

    return named
