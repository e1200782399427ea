"""Promotions: one app's slug, released on others without a rebuild."""

import asyncio

from emulator.build.releases import Releases
from emulator.dynos.tasks import Tasks
from emulator.model.clock import Clock
from emulator.model.pipeline import Promotion, Target
from emulator.model.record import Account

BEGIN_S = 1


class Promotions:
    """Performs promotions; each target has a result of its own."""

    def __init__(self, releases: Releases, clock: Clock) -> None:
        self.releases, self.clock = releases, clock
        self._tasks = Tasks()

    def start(self, promotion: Promotion, user: Account) -> None:
        """Begin; the promotion is completed when each target succeeded or failed."""
        self._tasks.spawn(self._promote(promotion, user))

    async def _promote(self, promotion: Promotion, user: Account) -> None:
        await self.clock.sleep(BEGIN_S)
        await asyncio.gather(
            *(self._promote_to(target, promotion, user) for target in promotion.targets)
        )
        promotion.status = "completed"
        promotion.touch()

    async def _promote_to(self, target: Target, promotion: Promotion, user: Account) -> None:
        source = promotion.source
        if target.app.id not in self.releases.state.apps or source.slug is None:
            target.status, target.error = "failed", "The app or its slug is gone."
            return

        commit = (source.slug.commit or "")[:8]
        text = f"Promote {source.app.name} v{source.version} {commit}".strip()
        target.app.slugs.append(source.slug)
        release = target.release = self.releases.deploy(target.app, user, text, source.slug)

        await target.app.changed.until(lambda: release.status != "pending", None)
        target.status = release.status
        if release.status == "failed":
            target.error = "The release command failed."
