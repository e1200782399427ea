"""Asks a running version for its golden rows again, as the terminal does before a promote."""

import msgspec

from router.dispatch.upstream import Failure
from router.dispatch.version_pages import VersionPages

GOLDEN = "/golden"
OK = 200


class VersionProof:
    """Asks the versions of one router."""

    def __init__(self, pages: VersionPages) -> None:
        self._pages = pages

    async def __call__(self, version: str) -> tuple[bool, str]:
        """Whether its answers are those of its bundle, and what it did instead."""
        answer = await self._pages.get(version, GOLDEN)
        if isinstance(answer, Failure):
            return False, answer.detail
        if answer.status == OK:
            return True, ""
        return False, _error(answer.body)


def _error(body: bytes) -> str:
    try:
        return str(msgspec.json.decode(body)["error"])[:500]
    except (msgspec.DecodeError, TypeError, KeyError):
        return "it answered no error of its own"
