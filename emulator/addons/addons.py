"""Add-ons: bought, provided some time later, attached to other apps, given back."""

import asyncio
import secrets
import tempfile
from pathlib import Path

from emulator.addons.databases import Databases
from emulator.build.releases import Releasing
from emulator.checks.report import Report
from emulator.dynos.tasks import Tasks
from emulator.model.clock import Clock
from emulator.model.state import Account, Addon, App, Attachment, World

PROVISION_S = 120


class Addons:
    """Only heroku-postgresql. `provision_s`: the platform's seconds until one is there."""

    def __init__(self, world: World, releasing: Releasing, clock: Clock, tally: Report) -> None:
        self.world, self.releasing, self.clock, self.tally = world, releasing, clock, tally
        self.provision_s = float(PROVISION_S)
        # Not in the world's folder: another account runs the server, and a folder of ours may be
        # closed to it.
        self.databases = Databases(
            Path(tempfile.gettempdir()) / f"emulator-postgres-{secrets.token_hex(4)}"
        )
        self._tasks = Tasks()

    def buy(self, app: App, user: Account, plan: str, attachment: str, name: str) -> Addon:
        """Begin to provide one. Its config var comes when it is there."""
        addon = Addon(name or f"postgresql-{secrets.token_hex(4)}", plan, app)
        self.world.addons[addon.id] = addon
        place = Attachment(attachment, addon, app)
        self.world.attachments[place.id] = place
        self.tally.created["add-on"] += 1
        config = dict(self._config(app))
        self.releasing.config(
            app, user, f"Attach {attachment} (@ref:{addon.name})", config, command=False
        )
        self._tasks.spawn(self._provide(addon, user))
        return addon

    def attach(self, addon: Addon, app: App, user: Account, name: str) -> Attachment:
        """Share one with another app, which gets its config vars, a release and a restart."""
        place = Attachment(name, addon, app)
        self.world.attachments[place.id] = place
        config = {**self._config(app), **place.config()}
        self.releasing.config(
            app, user, f"Attach {name} (@ref:{addon.name})", config, command=False
        )
        return place

    def detach(self, place: Attachment, user: Account) -> None:
        """Take its config vars from the app."""
        self.world.attachments.pop(place.id, None)
        config = {
            key: value
            for key, value in self._config(place.app).items()
            if key not in place.config()
        }
        self.releasing.config(
            place.app, user, f"Detach {place.name} (@ref:{place.addon.name})", config, command=False
        )

    def give_back(self, addon: Addon, user: Account) -> None:
        """End it, everywhere."""
        for place in [each for each in self.world.attachments.values() if each.addon is addon]:
            self.world.attachments.pop(place.id)
            if place.app.id in self.world.apps:
                self.detach(place, user)

        self.world.addons.pop(addon.id, None)
        provided, addon.state = addon.state == "provisioned", "deprovisioned"
        if provided:
            self._tasks.spawn(asyncio.to_thread(self.databases.drop, _database(addon)))

    async def end(self) -> None:
        """Stop the database server, when nothing is being provided any more."""
        await self._tasks.end()
        await asyncio.to_thread(self.databases.stop)

    def forced(self, app: App) -> dict[str, str]:
        """Config vars that come from add-ons: a rollback does not change them."""
        places = [each for each in self.world.attachments.values() if each.app is app]
        return {key: value for place in places for key, value in place.config().items()}

    def _config(self, app: App) -> dict[str, str]:
        base = self.releasing.base(app)
        if base:
            return dict(base.config)
        return {}

    async def _provide(self, addon: Addon, user: Account) -> None:
        await self.clock.sleep(self.provision_s)
        if addon.id not in self.world.addons:
            return

        url = await asyncio.to_thread(self.databases.create, _database(addon))
        if addon.id not in self.world.addons:
            await asyncio.to_thread(self.databases.drop, _database(addon))
            return

        addon.config, addon.state = {"URL": url}, "provisioned"
        addon.touch()
        for place in [each for each in self.world.attachments.values() if each.addon is addon]:
            config = {**self._config(place.app), **place.config()}
            text = f"@ref:{addon.name} completed provisioning, setting {', '.join(place.config())}."
            self.releasing.config(place.app, user, text, config, command=False)


def _database(addon: Addon) -> str:
    return f"d{addon.id.replace('-', '')[:20]}"
