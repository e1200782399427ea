"""One build: source, rules, hooks, packages, Procfile, slug, release."""

import asyncio
import shutil
import traceback
from pathlib import Path

from emulator.build import environment
from emulator.build.build_errors import BuildError
from emulator.build.build_process import BuildProcess
from emulator.build.buildpack import Manager, detect, manager
from emulator.build.packages import install
from emulator.build.procfile import process_types
from emulator.build.python_version import PythonVersion, requested_version
from emulator.build.releases import Releases
from emulator.build.slug_size import slug_size
from emulator.build.tarball import BadTarball, checksum, unpack
from emulator.checks.report import Report
from emulator.model.app import Build, Slug
from emulator.model.clock import Clock
from emulator.model.state import State

SLUG_LIMIT = 500_000_000
TIME_S = 15 * 60
CONCURRENT = 2


class Builds:
    """Runs builds, two at a time. `slug_limit` is in bytes."""

    def __init__(self, state: State, releases: Releases, clock: Clock, report: Report) -> None:
        self.state, self.releases, self.clock, self.report = state, releases, clock, report
        self.slug_limit = SLUG_LIMIT
        self._slots = asyncio.Semaphore(CONCURRENT)
        self._tasks: dict[str, asyncio.Task[None]] = {}

    def start(self, build: Build) -> None:
        """Begin a build; its status tells when it has ended."""
        task = asyncio.get_running_loop().create_task(self._build(build))
        self._tasks[build.id] = task
        task.add_done_callback(lambda _: self._tasks.pop(build.id, None))

    def cancel(self, build: Build) -> None:
        """Stop a pending build, which then has failed."""
        build.cancelled = True
        if (task := self._tasks.get(build.id)) is not None:
            task.cancel()

    async def end_all(self) -> None:
        """Stop all builds and their processes."""
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _build(self, build: Build) -> None:
        slugs = self.state.folder / "slugs"
        slug = Slug(slugs, {}, build.app.stack, build.source.get("version"), None, 0)
        slug.folder /= slug.id

        error = await self._error(build, slug)
        if error is not None:
            _reject(build, error)
            build.status = "failed"
            shutil.rmtree(slug.folder, ignore_errors=True)

        build.touch()
        build.output.close()
        build.app.changed.notify()

    async def _error(self, build: Build, slug: Slug) -> BuildError | None:
        """Run all steps; returns why the build failed, None when it succeeded."""
        try:
            async with self._slots:
                await asyncio.wait_for(self._steps(build, slug), self.clock.allowed(TIME_S))
        except BuildError as error:
            return error
        except TimeoutError:
            return BuildError("Error: The build took longer than 15 minutes.")
        except asyncio.CancelledError:
            return BuildError("Error: The build was cancelled.")
        except Exception:  # noqa: BLE001 - a client waits for the status
            lines = traceback.format_exc().splitlines()
            return BuildError("Emulator: a fault of its own.", *lines)

        return None

    async def _steps(self, build: Build, slug: Slug) -> None:
        app = slug.folder / "app"
        await asyncio.to_thread(self._fetch, build, slug)
        detect(app)

        stack = slug.stack.rpartition("-")[2]
        build.output.line(f"-----> Building on the Heroku-{stack} stack")
        build.output.line("-----> Using buildpack: heroku/python")
        build.output.line("-----> Python app detected")

        package_manager = manager(app)
        python = requested_version(app, uv=package_manager.name == "uv")
        await _compile(build, app, package_manager, python)
        _read_procfile(build, slug, app)
        await self._measure(build, slug, app)
        if build.app.id not in self.state.apps:
            raise BuildError("Error: The app was deleted.")

        build.app.slugs.append(slug)
        build.slug = slug
        self.report.created["slug"] += 1
        self._launch(build, slug)

    def _launch(self, build: Build, slug: Slug) -> None:
        build.output.line("-----> Launching...")
        description = "Deploy"
        if slug.commit:
            description = f"Deploy {slug.commit[:8]}"

        release = self.releases.deploy(build.app, build.user, description, slug)
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
        path = self.state.sources.get(token)
        if path is None or not path.is_file():
            raise BuildError(
                "Error: The source could not be downloaded.", "Nothing was uploaded to its put_url."
            )

        slug.checksum = checksum(path)
        declared = build.source.get("checksum")
        if declared and declared.lower() != slug.checksum.lower():
            raise BuildError(
                "Error: The source's checksum does not match.",
                f"It is {slug.checksum}, not {declared}.",
            )

        try:
            root = unpack(path, slug.folder / "source")
        except BadTarball as error:
            raise BuildError(f"Error: {error}") from error

        root.rename(slug.folder / "app")
        shutil.rmtree(slug.folder / "source", ignore_errors=True)

    async def _measure(self, build: Build, slug: Slug, app: Path) -> None:
        build.output.line("-----> Compressing...")
        slug.size = await asyncio.to_thread(slug_size, app, self.state.folder / "sizes.json")
        megabytes = slug.size / 1e6
        if slug.size > self.slug_limit:
            limit = self.slug_limit / 1e6
            raise BuildError(
                f"Compiled slug size: {megabytes:.1f}M is too large (max is {limit:.0f}M)."
            )

        build.output.line(f"       Done: {megabytes:.1f}M")


def _reject(build: Build, error: BuildError) -> None:
    build.output.line(" !")
    for line in error.lines:
        build.output.line(f" !     {line}".rstrip())

    build.output.line(" !")
    build.output.line(" !     Push rejected, failed to compile Python app.")
    build.output.line(" !     Push failed")


async def _compile(
    build: Build, app: Path, package_manager: Manager, python: PythonVersion
) -> None:
    process = BuildProcess(build.output)
    await _run_hook(build, app, "pre_compile", process)
    if python.file:
        build.output.line(f"-----> Using Python {python.version} specified in {python.file}")
    else:
        build.output.line(" !     Warning: No Python version was specified.")
        build.output.line(f"-----> Using Python {python.version} (the default)")

    build.output.line(f"-----> Installing Python {python.version}")
    await install(app, package_manager, python, build.output, process.run)
    await _run_hook(build, app, "post_compile", process)
    build.output.line("-----> Saving cache")


async def _run_hook(build: Build, app: Path, name: str, process: BuildProcess) -> None:
    hook = app / "bin" / name
    if not hook.is_file():
        return

    build.output.line(f"-----> Running bin/{name} hook")
    hook.chmod(0o755)
    environ = {**environment.base(app), **build.app.config}
    if await process.run(("bash", "-c", f"exec ./bin/{name}"), environ, app):
        raise BuildError(f"Error: The bin/{name} script failed.", "See its output above.")


def _read_procfile(build: Build, slug: Slug, app: Path) -> None:
    build.output.line("-----> Discovering process types")
    file = app / "Procfile"
    if file.is_file():
        slug.process_types = process_types(file.read_text("utf-8", "replace"))

    types = ", ".join(sorted(slug.process_types)) or "(none)"
    build.output.line(f"       Procfile declares types -> {types}")
