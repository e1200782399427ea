"""The parts of the platform, put together once."""

from pathlib import Path

from emulator.addons.addons import Addons
from emulator.api.rate import Rate
from emulator.build.builds import Building
from emulator.build.promotions import Promoting
from emulator.build.releases import Releasing
from emulator.checks.conformance import Schema
from emulator.checks.faults import Faults
from emulator.checks.report import Report
from emulator.dynos.dyno import Runner
from emulator.dynos.fleet import Fleet
from emulator.model.clock import Clock
from emulator.model.state import Account, World
from emulator.router.log_drains import Draining


class Platform:
    """`base` is the address of API, uploads and streams; it is known once the port is."""

    def __init__(self, folder: Path, clock: Clock, schema: Schema, token: str) -> None:
        for part in ("slugs", "dynos", "storage"):
            (folder / part).mkdir(parents=True, exist_ok=True)

        self.base = ""
        self.clock, self.schema = clock, schema
        self.world = World(folder)
        self.world.accounts.append(Account("emulator@example.com", token))
        self.tally, self.faults, self.rate = Report(), Faults(), Rate(clock.now)
        self.runner = Runner(folder, clock)
        self.fleet = Fleet(self.runner, clock)
        self.releasing = Releasing(self.world, self.fleet, self.tally)
        self.building = Building(self.world, self.releasing, clock, self.tally)
        self.addons = Addons(self.world, self.releasing, clock, self.tally)
        self.promoting = Promoting(self.releasing, clock)
        self.draining = Draining(self.world)

    async def end(self) -> None:
        """End every process that was started."""
        await self.draining.end()
        await self.building.end_all()
        await self.fleet.end_all()
        await self.addons.end()
