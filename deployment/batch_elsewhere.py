"""`predict --target`: a run where the versions are, over data at an address."""

import os
from collections.abc import Callable
from typing import Any

from deployment.batch_run import ADDRESS, HERE, THIS_MACHINE, BatchOptions, Event, asked
from deployment.workspace.bundles import check_belongs, check_seal, read_release, served_by
from deployment.workspace.errors import BadOption
from deployment.workspace.workspace import Workspace
from targets.base import Say, silent
from targets.registry import TARGETS, open_target


def predict_elsewhere(
    workspace: Workspace,
    version: str,
    options: BatchOptions,
    target: str,
    variables: str,
    say: Callable[[Event], None],
    tell: Say = silent,
) -> Event:
    """Predict files where the version was deployed; returns the last event.

    target: the one of deploy.toml. variables: names of this environment's variables that the run is
    told, comma separated. Raises BadOption, EdgeFailure, Interrupted.
    """
    _require_target(workspace, target)
    if options.engine != HERE or options.scheduler is not None:
        raise BadOption("--target is one dyno's work: leave --engine and --scheduler out")

    for name, address in (("--in", options.patterns), ("--out", options.out)):
        _require_address(workspace, name, address)

    env = _variables(variables)
    release = read_release(workspace.releases, version)
    check_seal(release, workspace.public_key)
    check_belongs(release, workspace.settings.model)
    job: dict[str, Any] = {
        **asked(options),
        "patterns": [options.patterns],
        "out": options.out,
        "runtime": served_by(release, workspace.settings.deployment.runtime),
    }
    with open_target(workspace, tell) as opened:
        return opened.predict_files(version, job, env, say)


def _require_target(workspace: Workspace, target: str) -> None:
    if target not in TARGETS:
        raise BadOption(f"--target is one of {', '.join(TARGETS)}, not {target}")

    if target != workspace.settings.deployment.target:
        raise BadOption(
            f'--target {target} needs target = "{target}" in deploy.toml: versions run in '
            f"{workspace.settings.deployment.target} now"
        )


def _require_address(workspace: Workspace, option: str, text: str) -> None:
    # In a rehearsal a dyno is a process of this machine.
    if text.startswith(THIS_MACHINE) and not workspace.through:
        text = text.removeprefix(THIS_MACHINE)

    if ADDRESS not in text:
        raise BadOption(
            f"{option} {text} is a path of this machine, which no dyno has: give an address such "
            f"as s3://bucket/folder"
        )


def _variables(names: str) -> dict[str, str]:
    env = {}
    for name in filter(None, names.split(",")):
        if name not in os.environ:
            raise BadOption(f"--env names {name}, which this environment does not have: export it")

        env[name] = os.environ[name]

    return env
