"""`predict`: starts a batch run in a process of its own and follows its events."""

import json
import os
import subprocess
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

from deployment.workspace.bundles import check_belongs, check_seal, read_release, served_by
from deployment.workspace.errors import BadOption, EdgeFailure, Interrupted
from deployment.workspace.ledger import newest_ledger
from deployment.workspace.workspace import Workspace
from targets.base import Say, silent
from targets.local.version_environment import batch_interpreter

RELEASED = "released"
INTERRUPTED = 130
PREDICTING, COMPARING, REPORTING = "batch", "batch.compare", "batch.report"
"""Modules that run in processes of their own."""
LAST_EVENTS = ("ended", "compared", "reported")
FORMATS = ("parquet", "csv", "jsonl")
HERE, DASK = "local", "dask"
ENGINES = (HERE, DASK)
ADDRESS, THIS_MACHINE = "://", "file://"
Event = dict[str, Any]


@dataclass(frozen=True)
class BatchOptions:
    """What `predict` was asked: a pattern of files, the output folder, and how.

    Both may be addresses, such as s3://bucket/in. keep: names, comma separated. max_bad: such as
    `1%`. scheduler: address of Dask's, None for a cluster of this machine.
    """

    patterns: str
    out: str
    keep: str = ""
    processes: int = 1
    max_bad: str = "1%"
    bad_row_data: bool = True
    chunk_rows: int | None = None
    output_format: str | None = None
    engine: str = HERE
    scheduler: str | None = None


def predict(
    workspace: Workspace,
    version: str,
    options: BatchOptions,
    say: Callable[[Event], None],
    tell: Say = silent,
) -> Event:
    """Predict files with a delivered version; returns the last event.

    version: `released` means whoever is released as the run begins.
    tell: hears of an environment that has to be built first.
    Raises EdgeFailure, BadOption, Interrupted; CannotStart where that cannot be built.
    """
    name = version_named(workspace, version)
    release = read_release(workspace.releases, name)
    check_seal(release, workspace.public_key)
    check_belongs(release, workspace.settings.model)
    job = {
        **asked(options),
        "bundle": str(release.path.absolute()),
        "public_key": str(workspace.public_key.absolute()),
        "runtime": served_by(release, workspace.settings.deployment.runtime),
    }
    with batch_interpreter(workspace, release, tell) as python:
        return followed(workspace, python, PREDICTING, job, say)


def one_version(workspace: Workspace, versions: list[str]) -> str:
    """The only one of what was typed, by its own name; raises BadOption, EdgeFailure."""
    if len(versions) == 1:
        return version_named(workspace, versions[0])

    raise BadOption("name one version, such as v2; with --compare two")


def refuse_here_alone(compare: bool, report: bool) -> None:
    """Raise BadOption where what reads predictions again is asked for elsewhere."""
    if compare or report:
        raise BadOption("--compare and --report run on this machine: leave --target out")


def refuse_report(report: bool) -> None:
    """Raise BadOption where a page is asked for beside a comparison."""
    if report:
        raise BadOption(
            "--report is about one version: after --compare, `predict VERSION --report --format "
            "parquet --out OUT/predictions/VERSION` writes that of one of the two"
        )


def version_named(workspace: Workspace, version: str) -> str:
    """The version of that name, or whoever is released; raises EdgeFailure where nothing is."""
    if version != RELEASED:
        return version

    released = newest_ledger(workspace).released
    if released is None:
        raise EdgeFailure("nothing is released: name a version, such as v1")

    return released


def asked(options: BatchOptions) -> dict[str, Any]:
    """The options as the run takes them, with the caller's own folders."""
    checked_format(options.output_format)
    if options.engine not in ENGINES:
        raise BadOption(f"--engine is one of {', '.join(ENGINES)}, not {options.engine}")
    if options.scheduler is not None and options.engine != DASK:
        raise BadOption("--scheduler is for --engine dask: add that, or leave it out")

    job = asdict(options)
    job["patterns"] = [_absolute(options.patterns)]
    job["out"] = output_address(options.out)
    job["keep"] = kept_columns(options.keep)
    job["max_bad"] = _share(options.max_bad)
    return job


def checked_format(output_format: str | None) -> None:
    """Raise BadOption for a format that nothing is written in."""
    if output_format not in (None, *FORMATS):
        raise BadOption(f"--format is one of {', '.join(FORMATS)}, not {output_format}")


def kept_columns(keep: str) -> list[str]:
    """The names of --keep, each once."""
    return list(dict.fromkeys(filter(None, keep.split(","))))


def output_address(out: str) -> str:
    """The folder of --out: an absolute path, or an address without a slash at its end."""
    if out.startswith(THIS_MACHINE):
        return os.path.abspath(out.removeprefix(THIS_MACHINE))

    return _absolute(out.rstrip("/") if ADDRESS in out else out)


def _absolute(path: str) -> str:
    """A path of the caller's own folder; an address is one already."""
    if ADDRESS in path:
        return path

    return os.path.abspath(path)


def _share(text: str) -> float:
    try:
        number = float(text.removesuffix("%"))
    except ValueError:
        number = -1.0

    share = number / 100 if text.endswith("%") else number
    if 0 <= share <= 1:
        return share

    raise BadOption(f"--max-bad is a share such as 1% or 0.01, not '{text}'")


def followed(
    workspace: Workspace,
    python: str,
    module: str,
    job: dict[str, Any],
    say: Callable[[Event], None],
) -> Event:
    """Run a module of batch/ with a job and report its events; returns the last one.

    Raises EdgeFailure, Interrupted.
    """
    process = subprocess.Popen(
        [python, "-m", module, str(os.getpid())],
        cwd=workspace.root,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    assert process.stdin is not None
    assert process.stdout is not None
    with process:
        process.stdin.write(json.dumps(job).encode())
        process.stdin.close()
        last = _last_event(process, say)

    if last.get("event") == "refused":
        raise EdgeFailure(last["detail"])
    if last.get("state") == "interrupted":
        raise Interrupted(
            f"interrupted after {last['rows']:,} rows, which are kept in {last['out']}: the same "
            f"command goes on"
        )
    if process.returncode == INTERRUPTED:
        raise Interrupted("interrupted: the same command goes on where it stopped")
    if last.get("event") not in LAST_EVENTS:
        raise EdgeFailure(
            f"the batch process ended with exit status {process.returncode}: see the lines above; "
            f"the same command goes on where it stopped"
        )

    return last


def _last_event(process: "subprocess.Popen[bytes]", say: Callable[[Event], None]) -> Event:
    """Report the events to the last. Ctrl-C reaches the run too, which ends by itself."""
    assert process.stdout is not None
    last: Event = {}
    while True:
        try:
            line = process.stdout.readline()
        except KeyboardInterrupt:
            continue

        if not line:
            return last

        last = json.loads(line)
        say(last)
