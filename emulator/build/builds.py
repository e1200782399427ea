"""One build: source, rules, hooks, packages, Procfile, slug, release."""

import asyncio
import contextlib
import shutil
from pathlib import Path
from typing import Any

from emulator.build import environment
from emulator.build.build_errors import BuildError
from emulator.build.buildpack import Manager, detect, manager
from emulator.build.packages import install
from emulator.build.procfile import process_types
from emulator.build.python_version import Wanted, wanted
from emulator.build.releases import Releasing
from emulator.build.slug_size import slug_size
from emulator.build.tarball import BadTarball, checksum, unpack
from emulator.checks.report import Report
from emulator.dynos import process_groups
from emulator.model.clock import Clock
from emulator.model.state import Build, Slug, World

TIME_S = 15 * 60
SLUG_LIMIT = 500 * 1000 * 1000
AT_ONCE = 2


class Building:
    """Runs builds, two at a time. `slug_limit` is in bytes."""

    def __init__(self, world: World, releasing: Releasing, clock: Clock, tally: Report) -> None:
        self.world, self.releasing, self.clock, self.tally = world, releasing, clock, tally
        self.slug_limit = SLUG_LIMIT
        self._turn = asyncio.Semaphore(AT_ONCE)
        self._tasks: dict[str, asyncio.Task[None]] = {}

    def start(self, build: Build) -> None:
        """Begin; the build's status tells the end."""
        task = asyncio.get_running_loop().create_task(self._build(build))
        self._tasks[build.id] = task
        task.add_done_callback(lambda _: self._tasks.pop(build.id, None))

    def cancel(self, build: Build) -> None:
        """Stop a pending one; it has then failed."""
        build.cancelled = True
        if (task := self._tasks.get(build.id)) is not None:
            task.cancel()

    async def end_all(self) -> None:
        """Stop all, with their processes."""
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _build(self, build: Build) -> None:
        slug = Slug(
            self.world.folder / "slugs", {}, build.app.stack, build.source.get("version"), None, 0
        )
        slug.folder /= slug.id
        made = False
        try:
            async with self._turn:
                await asyncio.wait_for(self._steps(build, slug), self.clock.allowed(TIME_S))
            made = True
        except BuildError as error:
            self._refuse(build, error)
        except TimeoutError:
            self._refuse(build, BuildError("Error: The build took longer than 15 minutes."))
        except asyncio.CancelledError:
            self._refuse(build, BuildError("Error: The build was cancelled."))
        except Exception:  # noqa: BLE001 - a client waits for the status
            import traceback

            self._refuse(
                build,
                BuildError("Emulator: a fault of its own.", *traceback.format_exc().splitlines()),
            )
        finally:
            if not made:
                build.status = "failed"
                shutil.rmtree(slug.folder, ignore_errors=True)
            build.touch()
            build.output.close()
            build.app.changed.notify()

    def _refuse(self, build: Build, error: BuildError) -> None:
        build.output.line(" !")
        for line in error.lines:
            build.output.line(f" !     {line}".rstrip())

        build.output.line(" !")
        build.output.line(" !     Push rejected, failed to compile Python app.")
        build.output.line(" !     Push failed")

    async def _steps(self, build: Build, slug: Slug) -> None:
        app = slug.folder / "app"
        await asyncio.to_thread(self._fetch, build, slug)
        detect(app)
        build.output.line(
            "-----> Building on the Heroku-24 stack".replace("24", slug.stack.rpartition("-")[2])
        )
        build.output.line("-----> Using buildpack: heroku/python")
        build.output.line("-----> Python app detected")
        found = manager(app)
        python = wanted(app, uv=found.name == "uv")
        await self._compile(build, app, found, python)
        self._procfile(build, slug, app)
        await self._measure(build, slug, app)
        if build.app.id not in self.world.apps:
            raise BuildError("Error: The app was deleted.")

        build.app.slugs.append(slug)
        build.slug = slug
        self.tally.created["slug"] += 1
        version = slug.commit
        description = f"Deploy {version[:8]}" if version else "Deploy"
        build.output.line("-----> Launching...")
        release = self.releasing.deploy(build.app, build.user, description, slug)
        build.release, build.status = release, "succeeded"
        if release.status == "pending":
            build.output.line(
                " !     Release command declared: this new release will not be available until it "
                "succeeds."
            )

        build.output.line(f"       Released v{release.version}")
        build.output.line(f"       {build.app.web_url} deployed to Heroku")

    def _fetch(self, build: Build, slug: Slug) -> None:
        token = build.source["url"].partition("/storage/")[2].partition("?")[0]
        path = self.world.sources.get(token)
        if path is None or not path.is_file():
            raise BuildError(
                "Error: The source could not be downloaded.", "Nothing was uploaded to its put_url."
            )

        slug.checksum = checksum(path)
        asked = build.source.get("checksum")
        if asked and asked.lower() != slug.checksum.lower():
            raise BuildError(
                "Error: The source's checksum does not match.",
                f"It is {slug.checksum}, not {asked}.",
            )

        try:
            root = unpack(path, slug.folder / "source")
        except BadTarball as error:
            raise BuildError(f"Error: {error}") from error

        root.rename(slug.folder / "app")
        shutil.rmtree(slug.folder / "source", ignore_errors=True)

    async def _compile(self, build: Build, app: Path, found: Manager, python: Wanted) -> None:
        run = _Runner(build).run
        await self._hook(build, app, "pre_compile", run)
        if python.where:
            build.output.line(f"-----> Using Python {python.version} specified in {python.where}")
        else:
            build.output.line(" !     Warning: No Python version was specified.")
            build.output.line(f"-----> Using Python {python.version} (the default)")

        build.output.line(f"-----> Installing Python {python.version}")
        await install(app, found, python, build.output, run)
        await self._hook(build, app, "post_compile", run)
        build.output.line("-----> Saving cache")

    async def _hook(self, build: Build, app: Path, name: str, run: Any) -> None:
        hook = app / "bin" / name
        if not hook.is_file():
            return

        build.output.line(f"-----> Running bin/{name} hook")
        hook.chmod(0o755)
        environ = {**environment.base(app), **build.app.config}
        if await run(("bash", "-c", f"exec ./bin/{name}"), environ, app):
            raise BuildError(f"Error: The bin/{name} script failed.", "See its output above.")

    def _procfile(self, build: Build, slug: Slug, app: Path) -> None:
        build.output.line("-----> Discovering process types")
        file = app / "Procfile"
        slug.process_types = (
            process_types(file.read_text("utf-8", "replace")) if file.is_file() else {}
        )
        listed = ", ".join(sorted(slug.process_types)) or "(none)"
        build.output.line(f"       Procfile declares types -> {listed}")

    async def _measure(self, build: Build, slug: Slug, app: Path) -> None:
        build.output.line("-----> Compressing...")
        slug.size = await asyncio.to_thread(slug_size, app, self.world.folder / "sizes.json")
        megabytes = slug.size / 1e6
        if slug.size > self.slug_limit:
            most = self.slug_limit / 1e6
            raise BuildError(
                f"Compiled slug size: {megabytes:.1f}M is too large (max is {most:.0f}M)."
            )

        build.output.line(f"       Done: {megabytes:.1f}M")


class _Runner:
    """Runs a build's commands, each in a process group that ends with it; output is indented into
    the stream.
    """

    def __init__(self, build: Build) -> None:
        self.output = build.output

    async def run(self, command: tuple[str, ...], environ: dict[str, str], folder: Path) -> int:
        process = await process_groups.start(command, environ, folder)
        try:
            while process.stdout and (line := await _line(process.stdout)):
                self.output.line(f"       {line.decode('utf-8', 'replace').rstrip()}")
            return await process.wait()
        finally:
            await asyncio.shield(process_groups.end(process.pid, 0))
            with contextlib.suppress(ProcessLookupError):
                await process.wait()


async def _line(pipe: asyncio.StreamReader) -> bytes:
    try:
        return await pipe.readline()
    except ValueError:
        return b"... (a line of more than 64 KiB)\n"
