"""Promotions: one app's slug, released on others without a rebuild."""

import asyncio

from emulator.build.releases import Releasing
from emulator.dynos.tasks import Tasks
from emulator.model.clock import Clock
from emulator.model.state import Account, Promotion, Target

BEGIN_S = 1


class Promoting:
    """Each target has a result of its own."""

    def __init__(self, releasing: Releasing, clock: Clock) -> None:
        self.releasing, self.clock = releasing, clock
        self._tasks = Tasks()

    def start(self, promotion: Promotion, user: Account) -> None:
        """Begin; the promotion is completed when each target succeeded or failed."""
        self._tasks.spawn(self._promote(promotion, user))

    async def _promote(self, promotion: Promotion, user: Account) -> None:
        await self.clock.sleep(BEGIN_S)
        await asyncio.gather(*(self._one(target, promotion, user) for target in promotion.targets))
        promotion.status = "completed"
        promotion.touch()

    async def _one(self, target: Target, promotion: Promotion, user: Account) -> None:
        source = promotion.source
        if target.app.id not in self.releasing.world.apps or source.slug is None:
            target.status, target.error = "failed", "The app or its slug is gone."
            return

        text = (
            f"Promote {source.app.name} v{source.version} {(source.slug.commit or '')[:8]}".strip()
        )
        target.app.slugs.append(source.slug)
        release = target.release = self.releasing.deploy(target.app, user, text, source.slug)
        await target.app.changed.until(lambda: release.status != "pending", None)
        target.status = release.status
        if release.status == "failed":
            target.error = "The release command failed."
