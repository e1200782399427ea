"""`predict --compare`: two versions predict the same files, then their predictions are compared."""

import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from deployment.batch_run import (
    COMPARING,
    BatchOptions,
    Event,
    checked_format,
    followed,
    kept_columns,
    output_address,
    predict,
    version_named,
)
from deployment.workspace.bundles import read_release
from deployment.workspace.errors import BadOption
from deployment.workspace.workspace import Workspace
from rollout.differences.summary import Differences, from_json
from targets.base import Say, silent

PREDICTIONS = "predictions"


@dataclass(frozen=True)
class FileComparison:
    """What two versions differ in over the same files. written: rows of OUT/differences."""

    today: str
    tomorrow: str
    tolerance: float
    written: int
    out: str
    differences: Differences


@dataclass(frozen=True)
class FailedRun:
    """One of the versions' runs ended without success, so that there is nothing to compare."""

    version: str
    event: Event


def compare(
    workspace: Workspace,
    versions: list[str],
    options: BatchOptions,
    tolerance: float | None,
    say: Callable[[Event], None],
    tell: Say = silent,
) -> FileComparison | FailedRun:
    """Predict files with both versions and compare; the first one is compared with.

    tolerance: None for deploy.toml's of shadows and replays. Raises EdgeFailure, BadOption,
    Interrupted; CannotStart where an environment cannot be built.
    """
    today, tomorrow = _two(workspace, versions)
    checked_format(options.output_format)
    out = output_address(options.out)
    for version in (today, tomorrow):
        own = replace(options, out=f"{out}/{PREDICTIONS}/{version}", output_format="parquet")
        event = predict(workspace, version, own, say, tell)
        if event["state"] != "done":
            return FailedRun(version, event)

    if tolerance is None:
        tolerance = workspace.settings.router.shadow_tolerance

    by_largest = read_release(workspace.releases, tomorrow).answers.by_largest
    job = {
        "public_key": str(workspace.public_key.absolute()),
        "out": out,
        "today": _side(workspace, out, today),
        "tomorrow": _side(workspace, out, tomorrow),
        "keep": kept_columns(options.keep),
        "tolerance": tolerance,
        "by_largest": by_largest,
        "output_format": options.output_format,
    }
    last = followed(workspace, sys.executable, COMPARING, job, say)
    differences = from_json(last["differences"])
    return FileComparison(today, tomorrow, tolerance, last["written"], out, differences)


def _two(workspace: Workspace, versions: list[str]) -> list[str]:
    if len(versions) != 2:
        raise BadOption("--compare takes two versions: the one to compare with, and the candidate")

    named = [version_named(workspace, version) for version in versions]
    if named[0] == named[1]:
        raise BadOption(f"--compare takes two versions, and both are {named[0]}")

    return named


def _side(workspace: Workspace, out: str, version: str) -> dict[str, Any]:
    release = read_release(workspace.releases, version)
    return {
        "name": version,
        "bundle": str(release.path.absolute()),
        "predictions": f"{out}/{PREDICTIONS}/{version}",
    }
