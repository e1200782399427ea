"""What a dyno would hold: `python -m benchmarks.slugs [--json] [--seconds 3]`.

For the router and for v1 of the flights, on its certified ONNX form and on scikit-learn: the source
that is sent, the slug it becomes (a fresh environment of exactly its requirements.txt, as a build
makes it), and the memory of its processes after a load, with the WEB_CONCURRENCY that a Basic dyno
gets, beside that dyno's 512 MB. Python itself, which Heroku's build adds, is in no figure of the
slug."""

import argparse
import io
import os
import shlex
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import uv
from rich.console import Console

from benchmarks.processes import STATE, BenchmarkFailed, Processes, free_port, resident_mb, tree
from benchmarks.results import leave
from benchmarks.setups.bundles import bundle
from benchmarks.wrk_load import Load, write_bodies, wrk
from deployment.workspace.bundles import read_release
from deployment.workspace.ledger import make_record, opened_record, write
from deployment.workspace.secrets import Secrets
from deployment.workspace.workspace import Workspace, workspace_from_environment
from emulator.addons.databases import Databases
from emulator.build.slug_size import slug_size
from rollout.decide.actions import RecordRevision
from rollout.settings import from_mapping
from rollout.state.ledger import Ledger, Version
from rollout.state.split import all_to
from rollout.state.version_state import State
from targets.heroku.build.app_config import router_vars, version_vars
from targets.heroku.build.slug_source import router_slug, version_slug
from targets.heroku.build.tarball import Tarball
from targets.heroku.sizes import size
from targets.procfile import written

VERSION = "v1"
FOLDER = STATE / "slugs"
SECRETS = Secrets("a-secret-of-the-benchmark", "a-key-of-the-benchmark")
CONNECTIONS = 64


@dataclass(frozen=True)
class Held:
    """Megabytes (10^6 bytes) of files, MiB of memory. resident: proportional, shared pages once;
    rss: of each, summed.

    slug: compressed, which Heroku limits to 500 MB; installed: its files on the disk.
    """

    name: str
    tarball_mb: float
    slug_mb: float
    installed_mb: float
    packages: int
    workers: int
    resident_mb: float
    rss_mb: float
    requests: int


def main() -> int:
    """Build, run, weigh and print; returns 1 where a request failed or something does not fit."""
    options = _options()
    console = Console(stderr=options.json, width=150)
    shutil.rmtree(FOLDER, ignore_errors=True)
    bundle(VERSION)
    held: list[Held] = []
    failed = 0
    for runtime in ("onnx", "sklearn"):
        workspace = _workspace(runtime)
        release = read_release(workspace.releases, VERSION)
        app = _built(f"{VERSION}-{runtime}", version_slug(workspace, release))
        with _running(app, version_vars(workspace, release, SECRETS)) as (pid, url):
            load = _loaded(url, options.seconds)
            held.append(app.weighed(f"{VERSION} on {runtime}", pid, load))
            failed += load.failed
            if runtime == "onnx":
                router, load = _router(workspace, url, release.digest, options.seconds)
                held.insert(0, router)
                failed += load.failed

    for measured in held:
        console.print(
            f"{measured.name:<14} source {measured.tarball_mb:.2f} MB, "
            f"slug {measured.slug_mb:.1f} MB ({measured.installed_mb:.0f} MB on the disk, "
            f"{measured.packages} packages), {measured.workers} workers: "
            f"{measured.resident_mb:.0f} MB",
            highlight=False,
        )

    limit = size("Basic").memory_mb
    leave(
        "slugs",
        {
            "memory_mb": limit,
            "seconds": options.seconds,
            "apps": [asdict(measured) for measured in held],
        },
    )
    return 1 if failed or any(measured.resident_mb > limit for measured in held) else 0


@dataclass(frozen=True)
class App:
    """A built source, unpacked with its environment in `.heroku/python`."""

    folder: Path
    source: Tarball

    @property
    def python(self) -> Path:
        """Its environment."""
        return self.folder / ".heroku" / "python"

    def weighed(self, name: str, pid: int, load: Load) -> Held:
        """All its figures, with its processes as they are now."""
        pids = tree(pid)
        sites = self.python.glob("lib/python*/site-packages/*.dist-info")
        return Held(
            name=name,
            tarball_mb=round(len(self.source.content) / 1e6, 2),
            slug_mb=round(slug_size(self.folder, FOLDER / "sizes.json") / 1e6, 1),
            installed_mb=round(_bytes(self.folder) / 1e6, 1),
            packages=len(list(sites)),
            workers=len(pids) - 1,
            resident_mb=round(resident_mb(pids), 1),
            rss_mb=round(sum(map(_rss_mb, pids)), 1),
            requests=load.requests,
        )


def _workspace(runtime: str) -> Workspace:
    """The project with that runtime; `onnx` is what v1 is certified for."""
    certified = {"onnx": "certified", "sklearn": "sklearn"}[runtime]
    return workspace_from_environment(
        {"HOME": str(FOLDER), "SLUICE_ACTOR": "bench"},
        from_mapping({"deployment": {"runtime": certified}}),
    )


def _built(name: str, source: Tarball) -> App:
    """Unpack, and install exactly what its requirements.txt says; raises BenchmarkFailed with the
    installer's words.
    """
    app = App(FOLDER / name, source)
    with tarfile.open(fileobj=io.BytesIO(source.content)) as tar:
        tar.extractall(app.folder, filter="data")

    tool, python = uv.find_uv_bin(), str(app.python / "bin" / "python")
    for command in (
        (
            tool,
            "venv",
            "--no-project",
            "--no-config",
            "--quiet",
            "--python",
            sys.executable,
            str(app.python),
        ),
        (
            tool,
            "pip",
            "install",
            "--no-config",
            "--quiet",
            "--python",
            python,
            "-r",
            "requirements.txt",
        ),
    ):
        done = subprocess.run(command, cwd=app.folder, capture_output=True, text=True, check=False)
        if done.returncode:
            raise BenchmarkFailed(f"{name} could not be built: {done.stderr}")

    return app


@contextmanager
def _running(app: App, environ: Mapping[str, str]) -> Iterator[tuple[int, str]]:
    """Its web process, as a dyno runs it; its process id and address."""
    program, *arguments = shlex.split(written(app.folder / "Procfile", "web"))
    port = free_port()
    path = f"{app.python / 'bin'}{os.pathsep}{os.environ['PATH']}"
    # A dyno sets no number of threads, so that each process chooses its own.
    dyno = {
        "PORT": str(port),
        "DYNO": "web.1",
        "PYTHONPATH": str(app.folder),
        "PATH": path,
        "OMP_NUM_THREADS": "",
    }
    with Processes(app.folder.with_suffix(".log")) as processes:
        command = [str(app.python / "bin" / program), *arguments]
        pid = processes.start(command, {**environ, **dyno}, app.folder)
        url = f"http://127.0.0.1:{port}"
        processes.wait_for(f"{url}/v2/health/live")
        yield pid, url


def _router(
    workspace: Workspace, version_url: str, digest: str, seconds: float
) -> tuple[Held, Load]:
    """The router's app in front of that version, with a PostgreSQL for its ledger."""
    if why := Databases.missing():
        raise BenchmarkFailed(why)

    app = _built("router", router_slug(workspace))
    databases = Databases(FOLDER / "postgres")
    try:
        workspace = replace(
            workspace, database_url=databases.create("ledger"), database_is_file=False
        )
        make_record(workspace)
        version = Version(VERSION, State.RELEASED, version_url, VERSION, digest, "onnx", 0.0)
        model = workspace.settings.model
        ledger = Ledger(model, 1, {VERSION: version}, all_to(VERSION, "bench"), VERSION)
        with opened_record(workspace) as store:
            write(store, RecordRevision(ledger, "promote", "", ""), "bench", "", 0.0)
        environ = {**router_vars(workspace, SECRETS), "DATABASE_URL": workspace.database_url}
        with _running(app, environ) as (pid, url):
            load = _loaded(url, seconds)
            return app.weighed("router", pid, load), load
    finally:
        databases.stop()


def _loaded(url: str, seconds: float) -> Load:
    """Some seconds of one flight a request, called as the router calls, which a router ignores."""
    headers = {"Authorization": f"Bearer {SECRETS.service}"}
    return wrk(
        f"{url}/predict",
        write_bodies(STATE / "bodies.jsonl"),
        CONNECTIONS,
        seconds,
        headers=headers,
    )


def _bytes(folder: Path) -> int:
    """Of all files, without the bytecode that running made."""
    files = (
        Path(at, name)
        for at, _, names in os.walk(folder)
        if not at.endswith("__pycache__")
        for name in names
    )
    return sum(path.stat().st_size for path in files if not path.is_symlink())


def _rss_mb(pid: int) -> float:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS:")) / 1024


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.slugs", description=__doc__)
    parser.add_argument("--json", action="store_true", help="tell the figures on stderr")
    parser.add_argument(
        "--seconds", type=float, default=3.0, help="load before the memory is read (%(default)s)"
    )
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
