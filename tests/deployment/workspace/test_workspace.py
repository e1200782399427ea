"""The surroundings: where things lie, who acts."""

from dataclasses import replace
from pathlib import Path

import pytest

from deployment.workspace.errors import Misconfigured
from deployment.workspace.workspace import (
    ROOT,
    SOCKET_BYTES,
    read_settings,
    run_folder,
    workspace_from_environment,
)
from rollout.errors import BadSetting
from rollout.settings import Settings


def test_without_any_variable_everything_lies_in_the_project() -> None:
    here = workspace_from_environment({})
    assert (here.state, here.releases, here.procfile) == (
        ROOT / "var",
        ROOT / "releases",
        ROOT / "Procfile",
    )
    assert here.database_url == f"sqlite:///{ROOT}/var/ledger.db"
    assert here.port is None


def test_an_actor_is_named_by_the_environment_or_is_user_at_host() -> None:
    assert workspace_from_environment({"SLUICE_ACTOR": "ana"}).actor == "ana"
    assert "@" in workspace_from_environment({}).actor


@pytest.mark.parametrize("port", ["x", "70000", "-1", "٣"])
def test_a_port_that_is_none_is_refused(port: str) -> None:
    with pytest.raises(Misconfigured, match="PORT"):
        workspace_from_environment({"PORT": port})


def test_the_database_url_is_not_in_the_printed_form() -> None:
    assert "hush" not in repr(
        workspace_from_environment({"DATABASE_URL": "postgresql://u:hush@h/db"})
    )


def test_sockets_fit_the_kernel_however_long_state_folder_and_name_are() -> None:
    for state in ("/s", "/" + "s" * 76, "/" + "long/" * 40):
        address = workspace_from_environment({"SLUICE_STATE": state}).address(f"{'v' * 64}-12345")
        assert len(address.removeprefix("unix:")) <= SOCKET_BYTES


def test_two_long_state_folders_have_two_run_folders() -> None:
    first, second = (run_folder(Path("/" + "long/" * 40 + end)) for end in ("a", "b"))
    assert first != second


def test_two_incarnations_have_two_addresses() -> None:
    here = workspace_from_environment({})
    assert here.address("v2-7") != here.address("v2-8")


@pytest.mark.parametrize(
    ("text", "error", "named"),
    [
        ("model = ", Misconfigured, "not TOML"),
        ("modle = 'x'", BadSetting, "modle"),
        ("[router.unit]\nheadr = 'x'", BadSetting, "router.unit.headr"),
    ],
)
def test_a_wrong_file_is_refused_by_what_is_wrong(
    tmp_path: Path, text: str, error: type[Exception], named: str
) -> None:
    path = tmp_path / "deploy.toml"
    path.write_text(text)
    with pytest.raises(error, match=named):
        read_settings(path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match=r"deploy\.toml is missing"):
        read_settings(tmp_path / "deploy.toml")


def test_the_projects_own_settings_are_the_defaults_but_for_what_its_model_needs() -> None:
    own = read_settings(ROOT / "deploy.toml")
    prediction = replace(own.verdict.prediction, tolerance=Settings().verdict.prediction.tolerance)
    assert replace(own, verdict=replace(own.verdict, prediction=prediction)) == Settings()
