"""Sessions of browsers: a signed cookie that names a token, and ends with it.

The cookie holds no token. Its signature covers the name, the time and a fingerprint of the token's
digest, so that it ends when its time is over, and at once when the token is revoked or made anew.
"""

from hashlib import blake2b, sha256
from hmac import compare_digest

from itsdangerous import BadData, URLSafeTimedSerializer
from werkzeug.http import dump_cookie, parse_cookie

from rollout.access_tokens import NamedToken
from router.access.token_list import TokenList

LARGEST_COOKIES = 8192
MOST_TRIED = 4


class Sessions:
    """The sessions of one router; its workers share the key.

    lasts_s: seconds from the sign-in until the cookie ends."""

    def __init__(self, key: bytes, tokens: TokenList, lasts_s: float) -> None:
        self._tokens, self._lasts_s = tokens, lasts_s
        self._key = _derived(key, b"session")
        # Cookies are not kept apart by port: two stacks on one host must not end each other's.
        self._name = f"sluice-{_derived(key, b'cookie name')[:4].hex()}"
        self._signer = URLSafeTimedSerializer(
            self._key,
            salt="sluice.session",
            signer_kwargs={"key_derivation": "hmac", "digest_method": sha256},
        )

    def begun(self, token: NamedToken, encrypted: bool) -> str:
        """The Set-Cookie header of a new session. encrypted: whether the browser uses TLS."""
        value = self._signer.dumps([token.name, self._fingerprint(token)])
        return self._set_cookie(str(value), int(self._lasts_s), encrypted)

    def ended(self, encrypted: bool) -> str:
        """The Set-Cookie header that ends a session."""
        return self._set_cookie("", 0, encrypted)

    def token_of(self, cookies: str) -> NamedToken | None:
        """The token of the session in a Cookie header; None without a valid one."""
        if len(cookies) > LARGEST_COOKIES or self._name not in cookies:
            return None

        for value in parse_cookie(cookies).getlist(self._name)[:MOST_TRIED]:
            if (token := self._opened(value)) is not None:
                return token

        return None

    def _opened(self, value: str) -> NamedToken | None:
        try:
            name, fingerprint = self._signer.loads(value, max_age=int(self._lasts_s))
        except (BadData, ValueError, TypeError):
            return None

        token = self._tokens.of_name(str(name))
        if token is None or not compare_digest(self._fingerprint(token), str(fingerprint)):
            return None
        return token

    def _fingerprint(self, token: NamedToken) -> str:
        # Keyed, so that a stolen cookie is no way to guess the token.
        return blake2b(token.sha256.encode(), digest_size=16, key=self._key).hexdigest()

    def _set_cookie(self, value: str, lasts_s: int, encrypted: bool) -> str:
        return dump_cookie(
            self._name,
            value,
            max_age=lasts_s,
            path="/",
            secure=encrypted,
            httponly=True,
            samesite="Strict",
        )


def _derived(key: bytes, purpose: bytes) -> bytes:
    return blake2b(b"", digest_size=32, key=key[:64], person=purpose).digest()
