"""Asks a version for one of its own pages: its metadata, its readiness, its configuration."""

import asyncio

from rollout.settings import Settings
from router.dispatch.dispatcher import Dispatcher
from router.dispatch.upstream import Answer, Failure

# Statuses that depend on the request; any other one is a failure of the version.
_OF_THE_REQUEST = frozenset({200, 400, 413, 500})


class VersionPages:
    """The pages of one model's versions, over the lanes' connections."""

    def __init__(self, settings: Settings, traffic: Dispatcher) -> None:
        self._model, self._traffic = settings.model, traffic
        self._timeout_s = settings.router.limits.version_timeout_ms / 1000

    async def get(self, version: str, rest: str = "") -> Answer | Failure:
        """The page of a version; rest: after its path, empty for its metadata."""
        return await self._ask(version, "GET", rest, b"")

    async def post(self, version: str, rest: str, body: bytes) -> Answer | Failure:
        """The answer of a page to JSON, which changes nothing there: it may be asked twice."""
        return await self._ask(version, "POST", rest, body)

    async def _ask(self, version: str, method: str, rest: str, body: bytes) -> Answer | Failure:
        path = f"/v2/models/{self._model}/versions/{version}{rest}"
        outcome = await self._once(version, method, path, body)
        if isinstance(outcome, Failure) and outcome.reason == "closed":
            await asyncio.sleep(0)
            outcome = await self._once(version, method, path, body)

        if isinstance(outcome, Answer) and outcome.status not in _OF_THE_REQUEST:
            return Failure("garbled", f"it answered {outcome.status}")

        return outcome

    async def _once(self, version: str, method: str, path: str, body: bytes) -> Answer | Failure:
        lane = self._traffic.lanes.get(version)
        if lane is None:
            return Failure("closed", "it is not deployed")

        outcome: Answer | Failure = await lane.pool.forward(
            method, path, b"application/json", body, self._timeout_s
        )
        if isinstance(outcome, Answer):
            lane.reached()

        return outcome
