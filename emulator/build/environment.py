"""The environment of a process on the platform, with nothing of the developer's own."""

from pathlib import Path

from emulator.model.sizes import Size

SYSTEM_PATH = "/usr/local/bin:/usr/bin:/bin"
# What an installer needs to reach a package index from here; it goes to no app.
INSTALLER = (
    "UV_",
    "PIP_",
    "SSL_CERT_",
    "REQUESTS_CA_BUNDLE",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "NO_PROXY",
    "ALL_PROXY",
)


def runtime(
    home: Path, size: Size, dyno: str, config: dict[str, str], port: int | None
) -> dict[str, str]:
    """A dyno's environment. Config vars win over the buildpack's, PORT and DYNO over all."""
    environ = {
        **base(home),
        **buildpack(size),
        "TMPDIR": str(home.parent / "tmp"),
        **config,
        "DYNO": dyno,
    }
    environ.pop("PORT", None)
    if port is not None:
        environ["PORT"] = str(port)

    return environ


def base(home: Path) -> dict[str, str]:
    """The folders and Python's settings, in a dyno and in a build."""
    return {
        "HOME": str(home),
        "PATH": f"{home}/.heroku/python/bin:{SYSTEM_PATH}",
        "LANG": "C.UTF-8",
        "PYTHONPATH": str(home),
        "PYTHONUNBUFFERED": "true",
    }


def buildpack(size: Size) -> dict[str, str]:
    """What the Python buildpack's scripts set at the start of a dyno, by its memory."""
    return {
        "WEB_CONCURRENCY": str(size.workers),
        "DYNO_RAM": str(size.memory_mb),
        "FORWARDED_ALLOW_IPS": "*",
        "GUNICORN_CMD_ARGS": "--access-logfile -",
    }


def installer(environ: dict[str, str]) -> dict[str, str]:
    """The part of the developer's environment that an installer may have."""
    allowed = {name: value for name, value in environ.items() if name.upper().startswith(INSTALLER)}
    return {**allowed, "HOME": environ.get("HOME", "/tmp"), "PATH": SYSTEM_PATH}  # noqa: S108
