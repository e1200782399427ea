"""Installs packages with uv: wheels alone, from the indexes that the user configured.

A source distribution is never built, since its build runs code of its own.
"""

import os
import re
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from environments.errors import EnvironmentFailure, last_words
from environments.package_wheel import repacked
from environments.pip_settings import for_uv
from environments.specification import Specification

Say = Callable[[str], None]
ROOT = Path(__file__).resolve().parent.parent
LONGEST_S = 900.0
IMPORT_S = 300.0
REQUIREMENTS, CONSTRAINTS, WHEELS = "requirements.txt", "constraints.txt", "wheels"
SYSTEM_PATH = "/usr/local/bin:/usr/bin:/bin"
# What may reach the installer: where packages are and how they are reached, and no secret of ours.
_PASSED_ON = (
    "UV_INDEX",
    "UV_DEFAULT_INDEX",
    "UV_EXTRA_INDEX_URL",
    "UV_FIND_LINKS",
    "UV_NO_INDEX",
    "UV_OFFLINE",
    "UV_CACHE_DIR",
    "UV_CONFIG_FILE",
    "UV_NO_CONFIG",
    "UV_HTTP_",
    "UV_INSECURE_HOST",
    "UV_NATIVE_TLS",
    "UV_SYSTEM_CERTS",
    "UV_KEYRING_PROVIDER",
    "UV_LINK_MODE",
    "UV_CONCURRENT_",
    "UV_REQUEST_TIMEOUT",
    "SSL_CERT_",
    "SSL_CLIENT_CERT",
    "NETRC",
    "XDG_",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "ALL_PROXY",
    "NO_PROXY",
    "HOME",
    "TMPDIR",
    "LANG",
    "TESTS_",
)
_STEP = re.compile(r"^(Resolved|Prepared|Installed|Downloading|Downloaded) ")
_LOGIN = re.compile(r"://[^/@\s]+@")
_OFFLINE = re.compile(
    r"error sending request|failed to fetch|dns error|connection refused|could not connect|"
    r"network (connectivity )?(was|is) disabled|timed out|operation timed out|tcp connect",
    re.IGNORECASE,
)
_FULL = re.compile(r"no space left on device|disk quota exceeded|os error 28", re.IGNORECASE)
_NO_WHEEL = re.compile(
    r"no (usable )?wheels|building source distributions|building from source|no-build|"
    r"no .*compatible.* wheel|source distribution",
    re.IGNORECASE,
)
_NO_VERSION = re.compile(
    r"there is no version of|was not found in the|not found in the package registry|"
    r"were not found in the",
    re.IGNORECASE,
)
_HASHES = re.compile(r"hash mismatch", re.IGNORECASE)
_CONFLICT = re.compile(r"no solution found", re.IGNORECASE)


def install(folder: Path, specification: Specification, say: Say) -> None:
    """Make an environment in an empty folder; raises EnvironmentFailure with uv's reason."""
    environ = installer_environment()
    make = ("venv", "--quiet", "--no-project", "--relocatable", "--python", sys.executable)
    code, output = _run((*make, str(folder)), environ, folder.parent, say)
    if code:
        raise EnvironmentFailure(_explained(output, environ))

    own = [f"{name} @ {path.as_uri()}" for name, path in _own_wheels(folder, specification)]
    (folder / REQUIREMENTS).write_text("\n".join([*specification.requirements, *own]) + "\n")
    (folder / CONSTRAINTS).write_text("\n".join(specification.constraints) + "\n")
    command = _install_command(folder, specification)
    # First from the cache alone: where it has all, nobody is asked.
    code, output = _run((*command, "--offline"), environ, folder, say)
    if code and not _FULL.search(output):
        code, output = _run(command, environ, folder, say)
    if code:
        raise EnvironmentFailure(_explained(output, environ))
    shutil.rmtree(folder / WHEELS)


def _own_wheels(folder: Path, specification: Specification) -> Iterator[tuple[str, Path]]:
    wheels = folder / WHEELS
    wheels.mkdir()
    for line in specification.own:
        name = line.partition("==")[0]
        yield name, repacked(name, wheels)


def check_imports(folder: Path, specification: Specification) -> None:
    """Import what proves the environment; raises EnvironmentFailure with the error's last line."""
    program = "import importlib, sys\nfor name in sys.argv[1:]: importlib.import_module(name)"
    command = [str(folder / "bin" / "python"), "-P", "-W", "ignore", "-c", program]
    try:
        done = subprocess.run(
            [*command, *specification.imports],
            cwd=folder,
            env=python_environment(),
            capture_output=True,
            text=True,
            errors="replace",
            timeout=IMPORT_S,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise EnvironmentFailure(
            f"its packages were not imported within {IMPORT_S:.0f} s: try again on a machine with "
            "less to do"
        ) from error

    if done.returncode:
        raise EnvironmentFailure(
            f"its packages cannot be imported together ({last_words(done.stderr)}): deliver the "
            "version from an environment in which they can"
        )


def python_environment(environ: Mapping[str, str] = os.environ) -> dict[str, str]:
    """What a Python of another environment gets: Sluice's own code, and nobody else's."""
    kept = {name: value for name, value in environ.items() if not name.startswith("PYTHON")}
    return {**kept, "PYTHONPATH": str(ROOT), "PYTHONNOUSERSITE": "1"}


def installer_environment(environ: Mapping[str, str] = os.environ) -> dict[str, str]:
    """The part of the environment that the installer gets, with pip's settings for uv."""
    kept = {name: value for name, value in environ.items() if name.upper().startswith(_PASSED_ON)}
    own = {"UV_PYTHON_DOWNLOADS": "never", "UV_NO_PROGRESS": "1", "PATH": SYSTEM_PATH}
    return {**for_uv(environ), **kept, **own}


def _install_command(folder: Path, specification: Specification) -> tuple[str, ...]:
    python = str(folder / "bin" / "python")
    command: tuple[str, ...] = ("pip", "install", "--python", python)
    command += ("--only-binary", ":all:", "--requirements", REQUIREMENTS)
    if specification.complete:
        return (*command, "--no-deps")
    return (*command, "--constraints", CONSTRAINTS)


def _run(
    arguments: Sequence[str], environ: Mapping[str, str], folder: Path, say: Say
) -> tuple[int, str]:
    """Run uv; returns its exit status and all it wrote. Its steps are said as they come."""
    import uv

    output: list[str] = []
    with subprocess.Popen(
        [uv.find_uv_bin(), *arguments],
        cwd=folder,
        env=dict(environ),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    ) as process:
        guard = threading.Timer(LONGEST_S, process.kill)
        guard.start()
        try:
            for line in _lines(process):
                output.append(line)
                if _STEP.match(line):
                    say(f"  {line[0].lower()}{line[1:]}")
        except BaseException:
            process.kill()
            raise
        finally:
            guard.cancel()

    if process.returncode == -signal.SIGKILL:
        raise EnvironmentFailure(
            f"uv was ended after at most {LONGEST_S:.0f} s: try again, what it downloaded is kept"
        )
    return process.returncode, "\n".join(output)


def _lines(process: "subprocess.Popen[str]") -> Iterator[str]:
    assert process.stdout is not None
    for line in process.stdout:
        yield _LOGIN.sub("://***@", line.rstrip())


def _explained(output: str, environ: Mapping[str, str]) -> str:
    """uv's output as one sentence: what happened, why, and the next step."""
    # Told to stay offline, uv speaks of a version that does not exist.
    offline = bool(environ.get("UV_OFFLINE")) and bool(_NO_VERSION.search(output))
    because = " ".join(re.sub(r"[\s×╰─▶│├]+", " ", output).split())[-600:]
    if _FULL.search(output):
        return "the disk is full: make room, or set SLUICE_STATE to another disk, and try again"
    if _HASHES.search(output):
        return f"a downloaded file is not the one that is locked: {because}"
    if offline or _OFFLINE.search(output):
        return (
            f"no package index was reached, and the cache does not have all of it: try again with "
            f"a network, or point uv or pip to an index that is reached from here ({because})"
        )
    if _NO_WHEEL.search(output):
        return (
            f"a package has no wheel for Python {sys.version_info[0]}.{sys.version_info[1]} on "
            f"this machine, and none is built here, since that runs code: choose a version that "
            f"has one ({because})"
        )
    if _NO_VERSION.search(output):
        return f"a package has no such version: choose one that exists ({because})"
    if _CONFLICT.search(output):
        return f"the versions do not go together: name those that do ({because})"
    return because or "uv ended without a word"
