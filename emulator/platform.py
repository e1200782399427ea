"""The parts of the platform, put together once."""

from pathlib import Path

from emulator.addons import Addons
from emulator.building import Building
from emulator.clock import Clock
from emulator.conformance import Schema
from emulator.draining import Draining
from emulator.dynos import Runner
from emulator.faults import Faults
from emulator.fleet import Fleet
from emulator.promoting import Promoting
from emulator.rate import Rate
from emulator.releasing import Releasing
from emulator.state import Account, World
from emulator.tally import Tally


class Platform:
    """`base` is the address of API, uploads and streams; it is known once the port is."""

    def __init__(self, folder: Path, clock: Clock, schema: Schema, token: str) -> None:
        for part in ("slugs", "dynos", "storage"):
            (folder / part).mkdir(parents=True, exist_ok=True)
        self.base = ""
        self.clock, self.schema = clock, schema
        self.world = World(folder)
        self.world.accounts.append(Account("emulator@example.com", token))
        self.tally, self.faults, self.rate = Tally(), Faults(), Rate(clock.now)
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
