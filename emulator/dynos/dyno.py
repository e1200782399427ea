"""A dyno: a fresh copy of the slug, a command in a process group of its own, and what becomes of
it.
"""

import asyncio
import shutil
import signal
from collections import deque
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from emulator.build.environment import runtime
from emulator.dynos import process_groups
from emulator.dynos.ports import Ports, listening
from emulator.dynos.streams import Stream
from emulator.model.clock import Clock
from emulator.model.sizes import Size
from emulator.model.state import App, Record, Release

BOOT_S, SHUTDOWN_S = 60, 30
LOOK_S = 0.05
KILLED = 137
LINE_LIMIT = 10_000
# As the platform starts a command: bash, after the slug's own profile scripts.
PROLOGUE = """shopt -s nullglob
for part in .profile.d/*.sh .profile; do [ -f "$part" ] && . "./$part"; done
exec bash --noprofile --norc -c "$1"
"""


@dataclass(eq=False)
class Dyno(Record):
    """state: starting, up, crashed, down. Held dynos (preboot) are up without being routed to."""

    app: App
    type: str
    name: str
    command: str
    size: Size
    release: Release
    state: str = "starting"
    held: bool = False
    stopping: bool = False
    port: int | None = None
    in_flight: int = 0
    group: int | None = None
    home: Path | None = None
    output: Stream | None = None
    extra: dict[str, str] = field(default_factory=dict)
    idle: deque[Any] = field(default_factory=deque, repr=False)
    over: asyncio.Event = field(default_factory=asyncio.Event, repr=False)

    @property
    def routable(self) -> bool:
        """Whether the router may send to it now."""
        return self.state == "up" and not self.held and not self.stopping

    def say(self, text: str) -> None:
        """A line of the dyno manager."""
        self.app.log.add("heroku", self.name, text)

    def become(self, state: str) -> None:
        """Change state, and say so."""
        if state != self.state:
            self.say(f"State changed from {self.state} to {state}")
            self.state = state
            self.touch()
            self.app.changed.notify()


class Runner:
    """Starts dynos and ends them."""

    def __init__(self, folder: Path, clock: Clock) -> None:
        self.folder, self.clock, self.ports = folder, clock, Ports()

    async def run(self, dyno: Dyno) -> int:
        """From nothing to the end of its processes; returns the exit status."""
        # Short: an app may want a unix socket below it, whose path has at most 107 characters.
        root = self.folder / "dynos" / dyno.id[:8]
        try:
            await asyncio.to_thread(_unpack, dyno, root)
            return await self._run(dyno, root)
        finally:
            if dyno.port is not None:
                self.ports.give_back(dyno.port)
            _drop_connections(dyno)
            try:
                await asyncio.to_thread(shutil.rmtree, root, ignore_errors=True)
            finally:
                # Also where a build that waits for it is cancelled just now: whoever ends it waits
                # for this.
                dyno.over.set()
                dyno.app.changed.notify()

    async def _run(self, dyno: Dyno, root: Path) -> int:
        dyno.home = root / "app"
        if dyno.stopping:
            return 143

        dyno.port = self.ports.borrow() if dyno.type == "web" else None
        config = {**dyno.release.config, **dyno.extra}
        environ = runtime(dyno.home, dyno.size, dyno.name, config, dyno.port)
        dyno.say(f"Starting process with command `{dyno.command}`")
        command = ("bash", "--noprofile", "--norc", "-c", PROLOGUE, "bash", dyno.command)
        process = await process_groups.start(command, environ, dyno.home)
        dyno.group = process.pid
        watching = asyncio.create_task(self._watch_boot(dyno))
        reading = asyncio.create_task(_read(process.stdout, dyno))
        if dyno.stopping:
            process_groups.signal_all(process.pid, signal.SIGTERM)

        try:
            status = await process.wait()
            if not dyno.stopping:
                await process_groups.end(process.pid, 0)
            # A process that left the group may hold the pipe for ever.
            await asyncio.wait([reading], timeout=self.clock.allowed(SHUTDOWN_S) + 2)
        finally:
            for task in (watching, reading):
                task.cancel()
            process_groups.signal_all(process.pid, signal.SIGKILL)

        if status >= 0:
            return status
        return 128 - status

    async def _watch_boot(self, dyno: Dyno) -> None:
        if dyno.port is None:
            dyno.become("up")
            return

        loop = asyncio.get_running_loop()
        end = loop.time() + self.clock.allowed(BOOT_S)
        while not listening(dyno.port):
            if loop.time() > end:
                dyno.say(
                    "Error R10 (Boot timeout) -> Web process failed to bind to $PORT within 60 "
                    "seconds of launch"
                )
                dyno.say("Stopping process with SIGKILL")
                process_groups.signal_all(dyno.group or 0, signal.SIGKILL)
                return
            await asyncio.sleep(LOOK_S)

        if not dyno.stopping:
            dyno.become("up")

    async def end(self, dyno: Dyno) -> None:
        """SIGTERM to all its processes, SIGKILL 30 s later; returns when they are gone."""
        dyno.stopping = True
        dyno.app.changed.notify()
        if dyno.group is not None and not dyno.over.is_set():
            dyno.say("Stopping all processes with SIGTERM")
            if not await process_groups.end(dyno.group, self.clock.allowed(SHUTDOWN_S)):
                dyno.say(
                    "Error R12 (Exit timeout) -> At least one process failed to exit within 30 "
                    "seconds of SIGTERM"
                )
                dyno.say("Stopping remaining processes with SIGKILL")

        await dyno.over.wait()


async def _read(pipe: asyncio.StreamReader | None, dyno: Dyno) -> None:
    rest = b""
    while pipe is not None and (data := await pipe.read(65536)):
        if dyno.output:
            dyno.output.write(data)
        *lines, rest = (rest + data).split(b"\n")
        for line in [*lines, *([rest] if len(rest) > LINE_LIMIT else [])]:
            dyno.app.log.add("app", dyno.name, line.decode("utf-8", "replace"))
        rest = b"" if len(rest) > LINE_LIMIT else rest

    if rest:
        dyno.app.log.add("app", dyno.name, rest.decode("utf-8", "replace"))


def _unpack(dyno: Dyno, root: Path) -> None:
    slug = dyno.release.slug
    if slug is None:
        raise ValueError("a release without a slug runs nothing")

    (root / "tmp").mkdir(parents=True)
    made = slug.folder / "app"
    shutil.copytree(
        made,
        root / "app",
        symlinks=True,
        ignore=lambda at, _: [".heroku"] if Path(at) == made else [],
    )
    (root / "app" / ".heroku").symlink_to(made / ".heroku")


def _drop_connections(dyno: Dyno) -> None:
    for connection in dyno.idle:
        connection.close()
    dyno.idle.clear()
