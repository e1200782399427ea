"""What is wrong around an act is told by its cause and the next step, in one line and without a
traceback.
"""

from collections.abc import Callable
from itertools import product
from pathlib import Path

import pytest

from tests.deployment.project_harness import ProjectHarness

OTHER_VERBS = ("verify", "deploy", "retire", "plan", "canary", "shadow", "ab", "ramp")
ODD_NAMES = ("", ".", "..", "../v1", "v1/../v1", "v 1", "v1\nv2", "v\u00e9", "v" * 65)


def a_folder(path: Path) -> None:
    """In the place of a file."""
    path.unlink(missing_ok=True)
    path.mkdir()


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda path: path.unlink(), "is missing: restore it, or set SLUICE_CONFIG"),
        (a_folder, "deploy.toml cannot be read (Is a directory): give its file"),
        (lambda path: path.write_text("a = ["), "is not TOML: Invalid value"),
        (
            lambda path: path.write_bytes(b"model = '\xff'"),
            "is no text in UTF-8, from byte 9 on: save it as UTF-8",
        ),
        (lambda path: path.write_text("model = 5"), "'model' is a text, not 5"),
        (lambda path: path.write_text("router = 5"), "'router' is a table, not 5"),
        (
            lambda path: path.write_text("[router]\nport = 'x'"),
            "'router.port' is a whole number, not 'x'",
        ),
        (
            lambda path: path.write_text("[router]\nfallback = 1"),
            "'router.fallback' is true or false, not 1",
        ),
        (
            lambda path: path.write_text("[delivery]\ntolerance = 'x'"),
            "'delivery.tolerance' is a number, not 'x'",
        ),
    ],
)
def test_settings_that_cannot_be_read(
    project: ProjectHarness, make: Callable[[Path], None], said: str
) -> None:
    make(project.folder / "deploy.toml")
    refused = project.run("rollback", code=1)
    assert said in refused.err
    assert (refused.out, refused.err.count("\n")) == ("", 1)


@pytest.mark.parametrize("verb", ["rollback", "status", "up", "down", "lint"])
def test_a_state_folder_that_is_a_file(project: ProjectHarness, verb: str) -> None:
    project.state.write_text("")
    refused = project.run(verb, code=1)
    assert "var is no folder: set SLUICE_STATE to one" in refused.err + refused.out
    assert "Traceback" not in refused.err
    project.state.unlink()


@pytest.mark.parametrize(
    ("verb", "name"),
    [
        *(("promote", name) for name in ODD_NAMES),
        *((verb, "v1\nv2") for verb in OTHER_VERBS),
        *(
            pytest.param(verb, name, marks=pytest.mark.soak)
            for verb, name in product(OTHER_VERBS, ODD_NAMES)
            if name != "v1\nv2"
        ),
    ],
)
def test_a_name_that_is_no_version(project: ProjectHarness, verb: str, name: str) -> None:
    refused = project.run(verb, name, code=2)
    assert "is no version: letters, digits, '-', '_' and '.', at most 64" in refused.err
    assert (refused.out, refused.err.count("\n")) == ("", 1)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("canary", "v1", "--steps", ""), "'' is no percentage"),
        (("canary", "v1", "--every", ""), "'' is no duration"),
        (("canary", "v1", "--every", "", "--auto"), "'' is no duration"),
        (("history", "--at", ""), "'' is no time"),
        (("history", "-n", "9" * 30), "takes a whole number from 0 to 2147483647"),
        (("explain", "9" * 30), "takes a whole number from 1 to 2147483647"),
        (("rehearse", "v1", "v2", "v3"), "a rehearsal is of two versions, not of 3"),
        (
            ("plan", "v1", "--strategy", "ab", "--steps", "5"),
            "--steps and --every are a canary's, not of ab",
        ),
    ],
)
def test_a_value_that_is_none(project: ProjectHarness, words: tuple[str, ...], said: str) -> None:
    assert said in project.run(*words, code=2).err


def test_lint_warns_of_a_settings_old_name_and_a_setting_under_both_is_refused(
    project: ProjectHarness,
) -> None:
    config = project.folder / "deploy.toml"
    config.write_text('[verdict]\nhotfix = "queue"\n[verdict.wait]\napart = 0.1\n')
    shown = project.run("lint")
    for old, new in (
        ("hotfix", "on_conflict"),
        ("wait", "response_time"),
        ("wait.apart", "response_time.share_tolerance"),
    ):
        line = f"! deploy.toml: 'verdict.{old}' is now called 'verdict.{new}'"
        assert line in shown.out

    assert project.run("lint", "--json").json["ok"] is True
    config.write_text('[verdict]\nhotfix = "queue"\non_conflict = "queue"\n')
    refused = project.run("lint", code=1)
    assert "'verdict.hotfix' is the old name of 'verdict.on_conflict'" in refused.err + refused.out


@pytest.mark.parametrize(
    ("steps", "said"),
    [
        ("1,a", "'a' is no percentage"),
        ("", "'' is no percentage"),
        ("5,1", "must grow"),
        ("5,100", "end it below 100"),
    ],
)
def test_lint_reads_the_steps_of_a_canary(project: ProjectHarness, steps: str, said: str) -> None:
    (project.folder / "deploy.toml").write_text(f'[verdict]\nsteps = "{steps}"\n')
    line = next(
        line for line in project.run("lint", code=1).out.splitlines() if "canary's steps" in line
    )
    assert line.startswith(f"✖ canary's steps: deploy.toml: 'verdict.steps' is '{steps}'")
    assert said in line


@pytest.mark.parametrize(
    ("words", "option"),
    [
        (("deliver", "v1", "--from", "x.py", "--environment", "https://a.example/e.yaml"), "--env"),
        (("deliver", "v1", "--from", "runs:/abc/model"), "--from"),
        (("deliver", "v1", "--from", "x.pkl", "--sample", "s3://rows/x.parquet"), "--sample"),
    ],
)
def test_an_address_in_the_place_of_a_file(
    project: ProjectHarness, words: tuple[str, ...], option: str
) -> None:
    project.deliver("v1")
    refused = project.run(*words, code=2)
    address = next(word for word in words if ":/" in word)
    assert option in refused.err
    assert f"download {address}, and name" in refused.err
