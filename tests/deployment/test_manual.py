"""deploy.toml is the manual of the settings, and the Procfile the only place of the commands."""

import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from deployment.workspace.workspace import ROOT
from rollout.settings import paths
from targets.procfile import KINDS, command


def named(table: dict[str, Any], prefix: str = "") -> Iterator[str]:
    """Dotted paths of a parsed file."""
    for key, value in table.items():
        if isinstance(value, dict):
            yield from named(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}"


def test_every_setting_is_in_deploy_toml_and_no_other() -> None:
    text = (ROOT / "deploy.toml").read_text()
    assert sorted(named(tomllib.loads(text))) == sorted(paths())


def test_every_setting_has_a_comment_before_it() -> None:
    explained = False
    for line in (ROOT / "deploy.toml").read_text().splitlines():
        if line.startswith("#"):
            explained = True
        elif not line:
            explained = False
        elif not line.startswith("["):
            assert explained, line


def test_the_commands_of_the_procfile_use_this_environments_gunicorn() -> None:
    for kind in KINDS:
        program, *arguments = command(ROOT / "Procfile", kind)
        assert Path(program).is_absolute()
        assert Path(program).name == "gunicorn"
        assert arguments[-1] == f"{kind}.app:create_app()"
