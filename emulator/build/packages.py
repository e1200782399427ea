"""Installing an app's packages into an environment of its own, from the shared cache of wheels."""

import os
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import uv

from emulator.build import environment
from emulator.build.build_errors import BuildError
from emulator.build.buildpack import Manager
from emulator.build.python_version import PythonVersion
from emulator.dynos.streams import Stream

HERE = f"{sys.version_info.major}.{sys.version_info.minor}"
# Of (command, environment, folder); returns the exit status. Output goes to the build's stream.
Run = Callable[[tuple[str, ...], dict[str, str], Path], Awaitable[int]]
PIP = '#!/bin/sh\nexport VIRTUAL_ENV="$(dirname "$(dirname "$0")")"\nexec "{uv}" pip "$@"\n'


async def install(
    app: Path, manager: Manager, version: PythonVersion, output: Stream, run: Run
) -> None:
    """Make `.heroku/python` in the app's folder; raises BuildError in the buildpack's words."""
    python = app / ".heroku" / "python"
    environ = {
        **environment.installer(dict(os.environ)),
        "UV_PYTHON_DOWNLOADS": "never",
        "UV_NO_PROGRESS": "1",
    }
    await _make(python, version, output, run, environ, app)
    if manager.name == "uv":
        output.line("-----> Installing dependencies using 'uv sync --locked --no-default-groups'")
        command: tuple[str, ...] = ("sync", "--locked", "--no-default-groups")
        environ["UV_PROJECT_ENVIRONMENT"] = str(python)
    else:
        output.line("-----> Installing dependencies using 'pip install -r requirements.txt'")
        interpreter = str(python / "bin" / "python")
        command = ("pip", "install", "--no-config", "--python", interpreter)
        command += ("-r", "requirements.txt")

    if await run((uv.find_uv_bin(), *command), environ, app):
        raise BuildError(
            f"Error: Unable to install dependencies using {manager.name}.",
            "See the log output above for more information.",
        )


async def _make(
    python: Path,
    version: PythonVersion,
    output: Stream,
    run: Run,
    environ: dict[str, str],
    app: Path,
) -> None:
    """Make the app's environment, with the requested Python or, by default, with this one."""
    source = sys.executable
    if version.minor != HERE and version.file:
        source = version.version
    elif version.minor != HERE:
        output.line(
            f" !     Emulator: Heroku would use Python {version.version} here; Python {HERE} is "
            "used."
        )

    command = (uv.find_uv_bin(), "venv", "--no-project", "--quiet", "--python", source, str(python))
    if await run(command, environ, app):
        raise BuildError(
            f"Emulator: this machine has no Python {version.version}.",
            f"Heroku has it. Install it here, or rehearse with {HERE} in .python-version.",
        )

    pip = python / "bin" / "pip"
    pip.write_text(PIP.format(uv=uv.find_uv_bin()))
    pip.chmod(0o755)
