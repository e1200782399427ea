"""The doctor on this machine, with real processes."""

import json

import pytest

from deployment.commands.doctor import doctor
from targets.findings import Finding
from targets.local.doctor import open_files
from targets.local.supervisord_conf import pid_file
from tests.deployment.project_harness import ProjectHarness, kill


def faults(findings: list[Finding]) -> dict[str, str]:
    """Cause and next step by what was looked at."""
    return {each.what: each.fault for each in findings if each.fault}


def test_a_stack_that_is_up_has_no_fault(running: ProjectHarness) -> None:
    running.act("deploy", "v1")
    findings = doctor(running.workspace(), running.said.append)
    assert not faults(findings)
    assert {each.what for each in findings} == {
        *(
            "record",
            "labels",
            "evidence",
            "supervisor",
            "process router",
            "process v1-1",
            "model",
            "tokens",
            "router",
            "version v1",
            "free disk",
        ),
        "open files",
    }


def test_what_does_not_run_and_what_nobody_named_is_told_and_exit_1(
    project: ProjectHarness,
) -> None:
    project.deliver("v1")
    project.run("up")
    project.run("deploy", "v1")
    assert "✔ all is as it should be" in project.run("doctor").out
    assert project.run("doctor", "--json").json["ok"] is True
    project.run("down")
    said = project.run("doctor", "--json", code=1).json
    told = {each["what"]: each["fault"] for each in said["checks"]}
    assert "`python deploy.py up` first" in told["supervisor"]
    assert "not brought up" in told["router"]
    assert told["record"] == ""
    assert "`python deploy.py up` repairs" in told["version v1"]


def test_before_up_it_is_one_line_and_exit_1(project: ProjectHarness) -> None:
    refused = project.run("doctor", code=1)
    assert (refused.out, refused.err.count("\n")) == ("", 1)
    assert "nothing was ever started" in refused.err
    assert json.loads(project.run("doctor", "--json", code=1).out)["next"] == "python deploy.py up"


def test_a_process_whose_supervisor_is_gone_is_told(project: ProjectHarness) -> None:
    project.run("up")
    kill(int(pid_file(project.workspace()).read_text()))
    assert (
        "of its processes still run"
        in faults(doctor(project.workspace(), project.said.append))["supervisor"]
    )


@pytest.mark.parametrize("part", ["labels", "evidence"])
def test_a_store_beside_the_record_that_is_gone_is_told_and_up_makes_it(
    running: ProjectHarness, part: str
) -> None:
    path = running.state / f"ledger-{part}.db"
    path.unlink()
    told = faults(doctor(running.workspace(), running.said.append))
    assert told[part].startswith(f"{path} is gone: restore it")
    assert not path.exists()
    running.run("up")
    assert part not in faults(doctor(running.workspace(), running.said.append))
    path.write_bytes(b"no database" * 1000)
    assert part in faults(doctor(running.workspace(), running.said.append))
    path.unlink()
    running.run("up")


def test_little_room_on_the_disk_is_told(
    running: ProjectHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("deployment.commands.doctor.SPARE_DISK_MB", 10**12)
    assert "make room" in faults(doctor(running.workspace(), running.said.append))["free disk"]


def test_a_low_limit_ofopen_files_is_a_warning_and_no_fault(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("targets.local.doctor.resource.getrlimit", lambda _: (256, 1024))
    found = open_files()
    assert (found.fault, found.line[:14]) == ("", "⚠ open files: ")
    assert "1024" in found.warning
    assert "4224" in found.warning
    monkeypatch.setattr("targets.local.doctor.resource.getrlimit", lambda _: (256, 1_048_576))
    assert open_files().line.startswith("✔")
