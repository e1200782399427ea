"""The parts of the platform, put together once."""

from pathlib import Path

from emulator.addons.addons import Addons
from emulator.api.rate import Rate
from emulator.build.builds import Builds
from emulator.build.promotions import Promotions
from emulator.build.releases import Releases
from emulator.checks.conformance import Schema
from emulator.checks.faults import Faults
from emulator.checks.report import Report
from emulator.dynos.manager import DynoManager
from emulator.dynos.runner import Runner
from emulator.model.clock import Clock
from emulator.model.record import Account
from emulator.model.state import State
from emulator.router.log_drains import LogDrains


class Platform:
    """`base` is the address of API, uploads and streams; it is set once the port is known."""

    def __init__(self, folder: Path, clock: Clock, schema: Schema, token: str) -> None:
        for part in ("slugs", "dynos", "storage"):
            (folder / part).mkdir(parents=True, exist_ok=True)

        self.base = ""
        self.clock, self.schema = clock, schema
        self.state = State(folder)
        self.state.accounts.append(Account("emulator@example.com", token))

        self.report, self.faults, self.rate = Report(), Faults(), Rate(clock.now)
        self.runner = Runner(folder, clock)
        self.dyno_manager = DynoManager(self.runner, clock)
        self.releases = Releases(self.state, self.dyno_manager, self.report)
        self.builds = Builds(self.state, self.releases, clock, self.report)
        self.addons = Addons(self.state, self.releases, clock, self.report)
        self.promotions = Promotions(self.releases, clock)
        self.log_drains = LogDrains(self.state)

    async def end(self) -> None:
        """End every process that was started."""
        await self.log_drains.end()
        await self.builds.end_all()
        await self.dyno_manager.end_all()
        await self.addons.end()
