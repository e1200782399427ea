"""The versions' signatures, each asked for once: a version never changes its columns."""

import asyncio
from collections.abc import Iterable, Sequence

from router.dispatch.dispatcher import Dispatcher
from router.dispatch.routing_table import RoutingTable
from router.dispatch.upstream import Answer
from router.dispatch.version_pages import VersionPages
from wire.oip.signature import TensorSignature, signature_of

# A version that could not tell its signature is not asked again for this time.
AGAIN_S = 1.0
MOST_KNOWN = 256
_Key = tuple[str, str]


class Signatures:
    """The signatures that this worker knows, by name and digest of the version."""

    def __init__(self, traffic: Dispatcher, pages: VersionPages) -> None:
        self._traffic, self._pages = traffic, pages
        self._known: dict[_Key, TensorSignature] = {}
        self._asked: dict[_Key, float] = {}
        self._asking: dict[_Key, asyncio.Task[None]] = {}
        # The newest table whose versions are all known, and their signatures.
        self._table: RoutingTable | None = None
        self._of_table: list[TensorSignature] = []

    def of(self, version: str) -> TensorSignature | None:
        """The signature of a version, None where it is not known yet."""
        return self._known.get(self._key(version))

    def of_drawn(self, pin: str | None) -> list[TensorSignature]:
        """Those of all versions that may be drawn, empty where one is not known.

        Begins to ask for what is not known."""
        if pin is None and self._table is self._traffic.table:
            return self._of_table

        signatures = self._of_all(self.drawn(pin))
        if pin is None and signatures:
            self._table, self._of_table = self._traffic.table, signatures

        return signatures

    def _of_all(self, versions: Sequence[str]) -> list[TensorSignature]:
        signatures = []
        for version in versions:
            signature = self.of(version)
            if signature is None:
                self._ask(version)
            else:
                signatures.append(signature)

        return signatures if len(signatures) == len(versions) else []

    def drawn(self, pin: str | None) -> Sequence[str]:
        """The versions that may be drawn: the pinned one, or those with a weight."""
        if pin is not None:
            return (pin,)
        return [version for version, weight in self._traffic.table.weights.items() if weight > 0]

    async def learn(self, versions: Iterable[str]) -> None:
        """Wait until those versions have told their signatures, or have failed to."""
        asking = [task for version in versions if (task := self._ask(version)) is not None]
        if asking:
            await asyncio.wait(asking)

    def any_of(self, versions: Iterable[str]) -> TensorSignature | None:
        """The first of these versions' that is known, the released one's before all others."""
        released = self._traffic.table.released
        for version in (*([released] if released else []), *versions):
            signature = self.of(version)
            if signature is not None:
                return signature

        return None

    def _ask(self, version: str) -> "asyncio.Task[None] | None":
        """The task that asks a version; None where it is known or has failed just now."""
        key = self._key(version)
        if key in self._known or version not in self._traffic.lanes:
            return None
        if key in self._asking:
            return self._asking[key]

        loop = asyncio.get_running_loop()
        if loop.time() - self._asked.get(key, float("-inf")) < AGAIN_S:
            return None

        self._forget_some()
        self._asked[key] = loop.time()
        task = self._asking[key] = loop.create_task(self._learn(key))
        task.add_done_callback(lambda _: self._asking.pop(key, None))
        return task

    async def _learn(self, key: _Key) -> None:
        outcome = await self._pages.get(key[0])
        if isinstance(outcome, Answer) and (signature := signature_of(outcome.body)) is not None:
            self._known[key] = signature

    def _forget_some(self) -> None:
        """Forget all once there are many: versions come and go for months."""
        if len(self._asked) >= MOST_KNOWN:
            self._known.clear()
            self._asked.clear()

    def _key(self, version: str) -> _Key:
        deployed = self._traffic.table.ledger.versions.get(version)
        if deployed is None:
            return version, ""

        return version, deployed.digest
