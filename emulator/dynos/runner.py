"""Running a dyno: a fresh copy of the slug, a command in a process group of its own, its end."""

import asyncio
import shutil
import signal
from pathlib import Path

from emulator.build.environment import runtime
from emulator.dynos import process_groups
from emulator.dynos.ports import Ports, listening
from emulator.model.app import Dyno
from emulator.model.clock import Clock

BOOT_S, SHUTDOWN_S = 60, 30
LOOK_S = 0.05
SIGTERM_STATUS = 128 + signal.SIGTERM
LINE_LIMIT = 10_000
# As the platform starts a command: bash, after the slug's own profile scripts.
PROLOGUE = """shopt -s nullglob
for part in .profile.d/*.sh .profile; do [ -f "$part" ] && . "./$part"; done
exec bash --noprofile --norc -c "$1"
"""


class Runner:
    """Starts dynos and ends them."""

    def __init__(self, folder: Path, clock: Clock) -> None:
        self.folder, self.clock, self.ports = folder, clock, Ports()

    async def run(self, dyno: Dyno) -> int:
        """Run a dyno from its start to the end of its processes; returns the exit status."""
        # Short: an app may want a unix socket below it, whose path has at most 107 characters.
        root = self.folder / "dynos" / dyno.id[:8]
        try:
            await asyncio.to_thread(_unpack, dyno, root)
            return await self._run(dyno, root)
        finally:
            if dyno.port is not None:
                self.ports.release(dyno.port)
            _close_connections(dyno)

            try:
                await asyncio.to_thread(shutil.rmtree, root, ignore_errors=True)
            finally:
                # Also where a build that waits for it is cancelled just now: whoever ends it waits
                # for this.
                dyno.ended.set()
                dyno.app.changed.notify()

    async def _run(self, dyno: Dyno, root: Path) -> int:
        dyno.home = root / "app"
        if dyno.stopping:
            return SIGTERM_STATUS

        process = await self._start(dyno, dyno.home)
        boot_watch = asyncio.create_task(self._watch_boot(dyno))
        log_reader = asyncio.create_task(_read_output(process.stdout, dyno))
        if dyno.stopping:
            process_groups.signal_all(process.pid, signal.SIGTERM)

        try:
            status = await process.wait()
            if not dyno.stopping:
                await process_groups.end(process.pid, 0)
            # A process that left the group may hold the pipe for ever.
            await asyncio.wait([log_reader], timeout=self.clock.allowed(SHUTDOWN_S) + 2)
        finally:
            for task in (boot_watch, log_reader):
                task.cancel()
            process_groups.signal_all(process.pid, signal.SIGKILL)

        if status >= 0:
            return status
        return 128 - status

    async def _start(self, dyno: Dyno, home: Path) -> asyncio.subprocess.Process:
        if dyno.type == "web":
            dyno.port = self.ports.acquire()

        config = {**dyno.release.config, **dyno.extra}
        environ = runtime(home, dyno.size, dyno.name, config, dyno.port)
        dyno.log(f"Starting process with command `{dyno.command}`")
        command = ("bash", "--noprofile", "--norc", "-c", PROLOGUE, "bash", dyno.command)

        process = await process_groups.start(command, environ, home)
        dyno.group = process.pid
        return process

    async def _watch_boot(self, dyno: Dyno) -> None:
        """Set the dyno up once it listens; kill it when it does not within the boot time-out."""
        if dyno.port is None:
            dyno.change_state("up")
            return

        loop = asyncio.get_running_loop()
        end = loop.time() + self.clock.allowed(BOOT_S)
        while not listening(dyno.port):
            if loop.time() > end:
                dyno.log(
                    "Error R10 (Boot timeout) -> Web process failed to bind to $PORT within 60 "
                    "seconds of launch"
                )
                dyno.log("Stopping process with SIGKILL")
                process_groups.signal_all(dyno.group or 0, signal.SIGKILL)
                return

            await asyncio.sleep(LOOK_S)

        if not dyno.stopping:
            dyno.change_state("up")

    async def end(self, dyno: Dyno) -> None:
        """SIGTERM to all its processes, SIGKILL 30 s later; returns when they have ended."""
        dyno.stopping = True
        dyno.app.changed.notify()

        if dyno.group is not None and not dyno.ended.is_set():
            dyno.log("Stopping all processes with SIGTERM")
            if not await process_groups.end(dyno.group, self.clock.allowed(SHUTDOWN_S)):
                dyno.log(
                    "Error R12 (Exit timeout) -> At least one process failed to exit within 30 "
                    "seconds of SIGTERM"
                )
                dyno.log("Stopping remaining processes with SIGKILL")

        await dyno.ended.wait()


async def _read_output(pipe: asyncio.StreamReader | None, dyno: Dyno) -> None:
    """Log what the dyno prints, line by line; one that is too long is logged in pieces."""
    rest = b""
    while pipe is not None and (data := await pipe.read(65536)):
        if dyno.output:
            dyno.output.write(data)

        *lines, rest = (rest + data).split(b"\n")
        if len(rest) > LINE_LIMIT:
            lines.append(rest)
            rest = b""

        for line in lines:
            _log_line(dyno, line)

    if rest:
        _log_line(dyno, rest)


def _log_line(dyno: Dyno, line: bytes) -> None:
    dyno.app.log.add("app", dyno.name, line.decode("utf-8", "replace"))


def _unpack(dyno: Dyno, root: Path) -> None:
    """Copy the slug's files; its installed packages are linked."""
    slug = dyno.release.slug
    if slug is None:
        raise ValueError("a release without a slug runs nothing")

    (root / "tmp").mkdir(parents=True)
    source = slug.folder / "app"

    def ignored(folder: str, _: list[str]) -> list[str]:
        if Path(folder) == source:
            return [".heroku"]
        return []

    shutil.copytree(source, root / "app", symlinks=True, ignore=ignored)
    (root / "app" / ".heroku").symlink_to(source / ".heroku")


def _close_connections(dyno: Dyno) -> None:
    for connection in dyno.idle:
        connection.close()
    dyno.idle.clear()
