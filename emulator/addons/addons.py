"""Add-ons: created, provided some time later, attached to other apps, deleted."""

import asyncio
import secrets
import tempfile
from pathlib import Path

from emulator.addons.databases import Databases
from emulator.build.releases import Releases
from emulator.checks.report import Report
from emulator.dynos.tasks import Tasks
from emulator.model.app import Addon, App, Attachment
from emulator.model.clock import Clock
from emulator.model.record import Account
from emulator.model.state import State, of_app

PROVISION_S = 120


class Addons:
    """Only heroku-postgresql. provision_s: the seconds of the platform until one is provided."""

    def __init__(self, state: State, releases: Releases, clock: Clock, report: Report) -> None:
        self.state, self.releases, self.clock, self.report = state, releases, clock, report
        self.provision_s = float(PROVISION_S)
        # Not in the state's folder: another account runs the server, and a folder of ours may be
        # closed to it.
        self.databases = Databases(
            Path(tempfile.gettempdir()) / f"emulator-postgres-{secrets.token_hex(4)}"
        )
        self._tasks = Tasks()

    def create(self, app: App, user: Account, plan: str, attachment_name: str, name: str) -> Addon:
        """Begin to provide an add-on. Its config var is set once it is provided."""
        addon = Addon(name or f"postgresql-{secrets.token_hex(4)}", plan, app)
        self.state.addons[addon.id] = addon
        attachment = Attachment(attachment_name, addon, app)
        self.state.attachments[attachment.id] = attachment
        self.report.created["add-on"] += 1

        text = f"Attach {attachment.name} (@ref:{addon.name})"
        self.releases.config(app, user, text, app.next_config, command=False)
        self._tasks.spawn(self._provide(addon, user))
        return addon

    def attach(self, addon: Addon, app: App, user: Account, name: str) -> Attachment:
        """Share an add-on with another app, which gets its config vars, a release and a restart."""
        attachment = Attachment(name, addon, app)
        self.state.attachments[attachment.id] = attachment

        text = f"Attach {name} (@ref:{addon.name})"
        self._set_config(attachment, user, text)
        return attachment

    def detach(self, attachment: Attachment, user: Account) -> None:
        """Remove an attachment and its config vars from the app."""
        self.state.attachments.pop(attachment.id, None)
        config = attachment.app.next_config
        for key in attachment.config():
            config.pop(key, None)

        text = f"Detach {attachment.name} (@ref:{attachment.addon.name})"
        self.releases.config(attachment.app, user, text, config, command=False)

    def delete(self, addon: Addon, user: Account) -> None:
        """Delete an add-on with its data and all its attachments."""
        for attachment in self.state.attachments_of_addon(addon):
            self.state.attachments.pop(attachment.id)
            if attachment.app.id in self.state.apps:
                self.detach(attachment, user)

        self.state.addons.pop(addon.id, None)
        provisioned = addon.state == "provisioned"
        addon.state = "deprovisioned"
        if provisioned:
            self._tasks.spawn(asyncio.to_thread(self.databases.drop, _database(addon)))

    async def end(self) -> None:
        """Stop the database server, once nothing is being provided."""
        await self._tasks.end()
        await asyncio.to_thread(self.databases.stop)

    def config_of(self, app: App) -> dict[str, str]:
        """Config vars that come from add-ons: a rollback does not change them."""
        config: dict[str, str] = {}
        for attachment in of_app(self.state.attachments, app):
            config.update(attachment.config())

        return config

    async def _provide(self, addon: Addon, user: Account) -> None:
        await self.clock.sleep(self.provision_s)
        if addon.id not in self.state.addons:
            return

        url = await asyncio.to_thread(self.databases.create, _database(addon))
        if addon.id not in self.state.addons:
            await asyncio.to_thread(self.databases.drop, _database(addon))
            return

        addon.config, addon.state = {"URL": url}, "provisioned"
        addon.touch()
        for attachment in self.state.attachments_of_addon(addon):
            keys = ", ".join(attachment.config())
            text = f"@ref:{addon.name} completed provisioning, setting {keys}."
            self._set_config(attachment, user, text)

    def _set_config(self, attachment: Attachment, user: Account, text: str) -> None:
        config = {**attachment.app.next_config, **attachment.config()}
        self.releases.config(attachment.app, user, text, config, command=False)


def _database(addon: Addon) -> str:
    return f"d{addon.id.replace('-', '')[:20]}"
