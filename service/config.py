"""Reads the configuration of a service from the environment, which is read nowhere else."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

SHORTEST_SECRET = 16
RUNTIMES = ("onnx", "sklearn")
LOG_FORMATS = ("text", "json")


class ServiceMisconfigured(Exception):
    """The service cannot start; the message names the variable and what to do."""


@dataclass(frozen=True)
class ServiceConfig:
    """What one version's process needs to know.

    runtime: to force; None for the certified one. parent: the process that it ends with, if any.
    log_format: text or json. traces: the address of the collector of spans; empty for none.
    """

    bundle: Path
    public_key: Path
    secret: str = field(repr=False)
    runtime: str | None
    bind: str
    workers: int
    threads: int
    parent: int | None = None
    log_format: str = "text"
    traces: str = ""


def from_environment(environ: Mapping[str, str] = os.environ) -> ServiceConfig:
    """Read SLUICE_BUNDLE, _PUBLIC_KEY, _SERVICE_SECRET, _RUNTIME, _BIND, _THREADS, _PARENT,
    _LOG_FORMAT and _TRACES.

    Also PORT and WEB_CONCURRENCY. Raises ServiceMisconfigured.
    """
    bundle = environ.get("SLUICE_BUNDLE")
    if not bundle:
        raise ServiceMisconfigured(
            "SLUICE_BUNDLE is missing: set it to the folder of a delivered version"
        )

    secret = environ.get("SLUICE_SERVICE_SECRET", "")
    if len(secret) < SHORTEST_SECRET:
        raise ServiceMisconfigured(
            f"SLUICE_SERVICE_SECRET is missing or shorter than {SHORTEST_SECRET} characters: "
            "`python deploy.py up` makes one"
        )

    runtime = environ.get("SLUICE_RUNTIME") or None
    if runtime not in (None, *RUNTIMES):
        raise ServiceMisconfigured(
            f"SLUICE_RUNTIME is one of {', '.join(RUNTIMES)}, not {runtime!r}"
        )

    return ServiceConfig(
        bundle=Path(bundle),
        public_key=Path(environ.get("SLUICE_PUBLIC_KEY") or "keys/sluice.pub"),
        secret=secret,
        runtime=runtime,
        bind=environ.get("SLUICE_BIND") or f"0.0.0.0:{environ.get('PORT', '8080')}",
        workers=_count(environ, "WEB_CONCURRENCY", 1),
        threads=_count(environ, "SLUICE_THREADS", 4),
        parent=_process(environ, "SLUICE_PARENT"),
        log_format=_log_format(environ),
        traces=environ.get("SLUICE_TRACES", ""),
    )


def _process(environ: Mapping[str, str], name: str) -> int | None:
    text = environ.get(name)
    if not text:
        return None
    if not text.isdecimal():
        raise ServiceMisconfigured(f"{name} is the number of a process, not {text!r}")

    return int(text)


def _log_format(environ: Mapping[str, str]) -> str:
    form = environ.get("SLUICE_LOG_FORMAT") or "text"
    if form not in LOG_FORMATS:
        raise ServiceMisconfigured(
            f"SLUICE_LOG_FORMAT is one of {', '.join(LOG_FORMATS)}, not {form!r}"
        )

    return form


def _count(environ: Mapping[str, str], name: str, default: int) -> int:
    text = environ.get(name) or str(default)
    if not text.isdecimal() or not 1 <= int(text) <= 256:
        raise ServiceMisconfigured(f"{name} is a number from 1 to 256, not {text!r}")

    return int(text)
