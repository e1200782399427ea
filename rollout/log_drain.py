"""Where a platform sends the log of a version's app: a path at the router, with a secret for each
version.

The secret is derived from the key that signs prediction ids, which router and operator have and no
version has: it needs no config var of its own, and is of no use for another version's drain."""

from hashlib import blake2b

PATH = "/drains/"
USER = "drain"
_SECRET_BYTES = 24


def drain_secret(version: str, key: bytes) -> str:
    """48 hex digits; key: the one that signs prediction ids."""
    # `person` keeps it apart from the signature of an id that happens to read like a version's
    # name.
    return blake2b(
        version.encode(), digest_size=_SECRET_BYTES, key=key[:64], person=b"log drain"
    ).hexdigest()


def drain_url(router: str, version: str, key: bytes) -> str:
    """Where the log of a version's app goes, with its secret; router: its https address, without a
    slash at its end.
    """
    scheme, _, host = router.partition("://")
    return f"{scheme}://{USER}:{drain_secret(version, key)}@{host}{PATH}{version}"
