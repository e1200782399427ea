"""The supervisor's files hold what they must, and never a secret."""

import dataclasses
from pathlib import Path

import pytest

from deployment.workspace.errors import Misconfigured
from targets.local.programs import router_program, service_program
from targets.local.supervisord_conf import Program, program_conf, supervisor_conf
from tests.deployment.project_harness import ProjectHarness


def test_percent_signs_are_written_so_that_the_supervisor_reads_them_back(
    project: ProjectHarness,
) -> None:
    text = program_conf(project.workspace(), Program("p", ("/bin/x", "100%"), {"A": "5%"}))
    assert "100%%" in text
    assert 'A="5%%"' in text


@pytest.mark.parametrize("value", ['a"b', "a'b", "a\nb", "a ;b", "a #b"])
def test_a_value_that_would_change_the_file_is_refused(project: ProjectHarness, value: str) -> None:
    with pytest.raises(Misconfigured):
        program_conf(project.workspace(), Program("p", ("/bin/x",), {"A": value}))


@pytest.mark.parametrize("argument", ["a\nb", "a ;b", "a #b"])
def test_an_argument_that_would_change_the_file_is_refused(
    project: ProjectHarness, argument: str
) -> None:
    with pytest.raises(Misconfigured):
        program_conf(project.workspace(), Program("p", ("/bin/x", argument)))


def test_a_state_folder_that_matches_other_files_is_refused(project: ProjectHarness) -> None:
    with pytest.raises(Misconfigured, match="SLUICE_STATE"):
        supervisor_conf(dataclasses.replace(project.workspace(), state=Path("/x/[a]")))


def test_a_version_is_told_neither_the_routers_key_nor_the_database(
    project: ProjectHarness,
) -> None:
    here = project.workspace(DATABASE_URL="postgresql://u:hush@h/db")
    service = service_program(here, "v2", "v2-7", here.address("v2-7"))
    hidden = ("DATABASE_URL", "SLUICE_TOKEN_KEY", "SLUICE_OPERATOR_TOKEN", "SLUICE_WEBHOOK_SECRET")
    assert [service.environment[name] for name in hidden] == [""] * 4
    files = (
        program_conf(here, service)
        + program_conf(here, router_program(here, 1))
        + supervisor_conf(here)
    )
    assert "hush" not in files


def test_a_version_has_as_many_processes_as_the_setting_says(project: ProjectHarness) -> None:
    (project.folder / "deploy.toml").write_text("[deployment]\nworkers = 3\n")
    service = service_program(project.workspace(), "v1", "v1-1", "unix:/x")
    assert service.environment["WEB_CONCURRENCY"] == "3"


def test_the_router_stops_before_the_versions(project: ProjectHarness) -> None:
    here = project.workspace()
    assert (
        router_program(here, 1).priority > service_program(here, "v1", "v1-1", "unix:/x").priority
    )
