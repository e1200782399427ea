"""A version's process gets the packages that its bundle pins, and the stack's where those fit."""

import os
import shutil
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

from deployment.batch_run import BatchOptions, predict
from deployment.commands.garbage_collect import collect
from deployment.commands.lint_checks import lint
from deployment.workspace.bundles import read_release
from deployment.workspace.errors import CannotStart, ContractBroken, EdgeFailure
from targets.local.doctor import findings
from targets.local.stack import down, up
from targets.local.version_environment import (
    OwnEnvironment,
    batch_interpreter,
    own_environment,
    store_of,
)
from tests.deployment.project_harness import ProjectHarness
from tests.environments.wheelhouse import Wheelhouse

SKLEARN = {"certified": "sklearn", "tolerance": 1e-5}
TINY = {"tiny": "1.0"}
ROOT = Path(__file__).parents[3]


@pytest.fixture
def wheels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Wheelhouse:
    """The only packages there are beside those of the stack."""
    made = Wheelhouse(tmp_path / "wheels")
    for name, value in made.environ(tmp_path / "cache").items():
        monkeypatch.setenv(name, value)
    return made


def own(project: ProjectHarness, name: str) -> OwnEnvironment | None:
    """What a version needs beside the stack."""
    workspace = project.workspace()
    return own_environment(workspace, read_release(workspace.releases, name))


def ran_in(project: ProjectHarness, program: str) -> str:
    """The environment in the supervisor's file of a program; empty for the stack's."""
    text = (project.state / "supervisor.d" / f"{program}.conf").read_text()
    command = next(line for line in text.splitlines() if line.startswith("command"))
    return command.partition("/var/environments/")[2].partition("/")[0]


def built(project: ProjectHarness) -> list[str]:
    """The environments there are."""
    return sorted(path.parent.name for path in project.state.glob("environments/*/*.json"))


def test_where_the_stack_fits_there_is_no_other(project: ProjectHarness) -> None:
    here = {name: version(name) for name in ("numpy", "scikit-learn")}
    project.deliver("fits", runtime=SKLEARN, requirements=here)
    project.deliver("onnx", requirements={"numpy": "1.0"})
    project.deliver("older", runtime=SKLEARN)
    assert [own(project, name) for name in ("fits", "onnx", "older")] == [None] * 3


def test_what_does_not_fit_is_named(project: ProjectHarness) -> None:
    project.deliver("v1", runtime=SKLEARN, requirements={"scikit-learn": "1.7.2", **TINY})
    needed = own(project, "v1")
    assert needed is not None
    here = version("scikit-learn")
    assert needed.because == f"scikit-learn 1.7.2 ({here} here), tiny 1.0 (not installed here)"


def test_a_bundle_that_was_changed_is_refused_before_anything_is_read(
    project: ProjectHarness,
) -> None:
    path = project.deliver("v1", runtime=SKLEARN, requirements=TINY) / "release.yaml"
    path.write_bytes(path.read_bytes().replace(b"tiny", b"evil"))
    with pytest.raises(ContractBroken, match="was not signed"):
        own(project, "v1")


@pytest.mark.parametrize(
    "requirements",
    [{"x @ https://example.org/x.whl": "1"}, {"--index-url": "1"}, {"tiny": "1 ; -e ."}],
)
def test_pins_that_are_none_are_refused_though_they_are_signed(
    project: ProjectHarness, requirements: dict[str, str]
) -> None:
    project.deliver("v1", runtime=SKLEARN, requirements=requirements)
    with pytest.raises(EdgeFailure, match="no exact version of a package"):
        own(project, "v1")
    fault = next(check for check in lint(project.workspace()) if check.what == "environment of v1")
    assert "no exact version" in fault.fault


def test_a_version_runs_in_its_own_environment_which_two_share_and_collect_ends(
    project: ProjectHarness, wheels: Wheelhouse
) -> None:
    wheels.wheel("tiny")
    wheels.wheel("other")
    project.deliver("v1")
    project.deliver("v2", runtime=SKLEARN, requirements=TINY)
    project.deliver("v3", runtime=SKLEARN, requirements=TINY)
    up(project.workspace(), project.said.append)
    for name in ("v1", "v2", "v3"):
        project.act("deploy", name)

    programs = {name: project.ledger().version(name).program for name in ("v1", "v2", "v3")}
    assert ran_in(project, programs["v1"]) == ""
    assert built(project) == [ran_in(project, programs["v2"])] == [ran_in(project, programs["v3"])]
    assert any("v2 needs tiny 1.0 (not installed here): building" in x for x in project.said)
    assert sum("built in" in line for line in project.said) == 1

    lines = [finding.line for finding in findings(project.workspace(), project.ledger())]
    assert any(x.startswith("✔ environment of v2: its own, ") for x in lines)
    assert any(x.startswith("✔ environments: 1 environment, ") for x in lines)
    checks = [check.what for check in lint(project.workspace())]
    assert any(x.startswith("environment of v3: its own, for tiny 1.0") for x in checks)

    # After `down` and the loss of the folder, `up` builds it again, once the others answer.
    down(project.workspace(), project.said.append)
    shutil.rmtree(project.state / "environments")
    again = up(project.workspace(), project.said.append)
    assert again.failed == {}
    assert len(built(project)) == 1

    # A version that runs keeps its environment, even without its bundle.
    for name in ("v2", "v3"):
        shutil.rmtree(project.folder / "releases" / name)
    assert collect(project.workspace(), project.said.append).environments == []
    for name in ("v2", "v3"):
        project.act("retire", name)
    assert collect(project.workspace(), project.said.append).environments != []
    assert built(project) == []


def test_what_cannot_be_built_is_not_deployed_and_what_runs_goes_on(
    project: ProjectHarness, wheels: Wheelhouse
) -> None:
    marker = project.folder / "marker"
    wheels.source("tiny", marker)
    project.deliver("v1")
    project.deliver("v2", runtime=SKLEARN, requirements=TINY)
    up(project.workspace(), project.said.append)
    project.act("deploy", "v1")
    with pytest.raises(CannotStart, match=r"environment of v2 cannot be built: a package has no"):
        project.act("deploy", "v2")

    assert not marker.exists()
    assert built(project) == []
    assert "v2" not in project.ledger().versions
    assert project.ledger().version("v1").program == "v1-1"
    os.kill(project.workspace() and _pid(project, "v1-1"), 0)


def test_files_are_predicted_by_the_stacks_python_where_it_fits(project: ProjectHarness) -> None:
    project.deliver("v1")
    workspace = project.workspace()
    release = read_release(workspace.releases, "v1")
    with batch_interpreter(workspace, release, project.said.append) as python:
        assert python == sys.executable


def test_files_are_predicted_in_an_environment_of_their_own_which_stays_meanwhile(
    project: ProjectHarness, wheels: Wheelhouse
) -> None:
    wheels.wheel("tiny")
    project.deliver("v1", runtime=SKLEARN, requirements=TINY)
    workspace = project.workspace()
    release = read_release(workspace.releases, "v1")
    with batch_interpreter(workspace, release, project.said.append) as python:
        imported = "import batch.__main__, tiny, sys; print(sys.prefix)"
        done = subprocess.run([python, "-c", imported], cwd=ROOT, capture_output=True, check=True)
        (digest,) = built(project)
        assert done.stdout.decode().strip().endswith(f"/environments/{digest}")
        assert not store_of(workspace).delete(digest)

    assert store_of(workspace).delete(digest)
    assert any("v1 needs tiny 1.0 (not installed here): building" in x for x in project.said)


def test_files_are_not_predicted_where_the_environment_cannot_be_built(
    project: ProjectHarness, wheels: Wheelhouse
) -> None:
    project.deliver("v1", runtime=SKLEARN, requirements=TINY)
    out = project.folder / "out"
    with pytest.raises(CannotStart, match="the environment of v1 cannot be built: "):
        predict(project.workspace(), "v1", BatchOptions("rows.csv", str(out)), lambda event: None)

    assert not out.exists()


def _pid(project: ProjectHarness, program: str) -> int:
    from targets.local.supervisor_client import Supervisor

    process = Supervisor(project.workspace()).process(program)
    assert process is not None
    return process.pid
