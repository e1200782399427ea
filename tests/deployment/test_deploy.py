"""deploy.py as a program: what it prints, where, and its exit codes."""

import json
import subprocess
import sys
from datetime import UTC, datetime

import pytest

from deployment.workspace.ledger import make_record, opened_record
from tests.deployment.project_harness import ROOT, ProjectHarness

VERBS = {
    "plan",
    *(
        "deliver",
        "verify",
        "up",
        "down",
        "deploy",
        "canary",
        "shadow",
        "blue-green",
        "ab",
        "ramp",
        "release-in-place",
    ),
    *("explain", "whoserved", "feedback"),
    *(
        "promote",
        "pause",
        "resume",
        "abort",
        "rollback",
        "retire",
        "status",
        "watch",
        "history",
        "lint",
        "doctor",
    ),
    "demo",
}


def test_every_verb_is_there_and_has_its_help(project: ProjectHarness) -> None:
    text = project.run("--help").out
    assert [verb for verb in VERBS if f" {verb} " not in text] == []


def test_a_first_day_at_the_command_line(project: ProjectHarness) -> None:
    project.deliver("v1")
    project.deliver("v2")
    assert project.run("up", "--json").json["already"] is False
    deployed = project.run("deploy", "v1", "-m", "first", "--json").json
    assert (deployed["act"], deployed["undo"], deployed["revision"]) == (
        "deploy",
        "python deploy.py retire v1",
        1,
    )
    assert "✔ promote: v1 released (revision 2" in project.run("promote", "v1").out
    project.run("deploy", "v2")
    canary = project.run("canary", "v2", "--every", "30s")
    assert "step 1      5 %  for 30 s" in canary.out
    assert "undo: python deploy.py rollback" in canary.out
    seen = project.run("status").out
    for words in (
        "canary of v2 against v1",
        "step 1/3",
        "v1 ready, warm",
        "python deploy.py rollback",
        "95 %",
    ):
        assert words in seen

    assert "step 1/3" in project.run("watch", "--once").out
    assert project.run("watch", "--timeout", "100ms", code=4).out
    back = project.run("rollback", "-m", "slow")
    assert "rollback: from v2 to v1" in back.out
    value = project.run("history", "--verify", "--json").json
    assert [row["action"] for row in value["history"]] == [
        "rollback",
        "canary",
        "deploy",
        "promote",
        "deploy",
    ]
    assert (value["history"][0]["reason"], value["verified"]) == ("slow", 5)
    assert project.run("down").out.startswith("stopped: router, v1-1, v2-3")
    away = project.run("status").out
    assert "nothing is running here: `python deploy.py up` first" in away
    assert "v1 released" in away


def test_a_refusal_is_one_line_and_exit_1(project: ProjectHarness) -> None:
    refused = project.run("rollback", code=1)
    assert (refused.out, refused.err.count("\n")) == ("", 1)
    assert "`python deploy.py up` makes it" in refused.err
    answer = project.run("rollback", "--json", code=1)
    assert answer.json == {
        "error": refused.err.strip().removeprefix("✖ "),
        "next": "python deploy.py up",
    }


@pytest.mark.parametrize(
    "arguments",
    [
        ("canary",),
        ("canary", "v2", "--stepz", "5"),
        ("canary", "v2", "--steps", "a"),
        ("canary", "v2", "--every", "soon"),
        ("canary", "../v2"),
        ("nonsense",),
        ("up", "--port", "99999"),
    ],
)
def test_misuse_is_exit_2_also_as_json(project: ProjectHarness, arguments: tuple[str, ...]) -> None:
    value = project.run(*arguments, "--json", code=2)
    assert set(value.json) == {"error", "next"}
    assert "Traceback" not in value.err


def test_lint_names_what_is_wrong_and_a_broken_bundle_is_exit_6(project: ProjectHarness) -> None:
    project.deliver("v1")
    assert "✔ bundle v1" in project.run("lint").out
    (project.folder / "deploy.toml").write_text("[router]\nprt = 1\n")
    assert "unknown key 'router.prt'" in project.run("lint", code=1).out
    (project.folder / "releases" / "v1" / "golden.jsonl").write_text("{}")
    assert "golden.jsonl was changed" in project.run("lint", code=6).out


def test_status_shows_what_it_can_when_the_record_is_no_database(project: ProjectHarness) -> None:
    project.state.mkdir()
    (project.state / "ledger.db").write_bytes(b"not a database at all" * 100)
    assert "not a database" in project.run("status").out
    assert "not a database" in project.run("rollback", code=1).err


HEAVY = {
    *(
        "pandas",
        "numpy",
        "scipy",
        "sklearn",
        "onnxruntime",
        "sqlalchemy",
        "psycopg",
        "typer",
        "click",
        "rich",
        "pydantic",
    ),
    *(
        "httpx",
        "http.client",
        "xmlrpc.client",
        "yaml",
        "cryptography",
        "msgspec",
        "flask",
        "asyncio",
        "delivery",
    ),
}
IMPORTED = """
import atexit, json, sys
atexit.register(lambda: print(json.dumps(sorted(sys.modules)), file=sys.stderr))
import runpy
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name="__main__")
"""


def imported(project: ProjectHarness, *words: str) -> set[str]:
    """Every module that a run of deploy.py has imported when it ends, with exit code 0."""
    command = [sys.executable, "-c", IMPORTED, str(ROOT / "deploy.py"), *words]
    done = subprocess.run(
        command, cwd=ROOT, env=project.environment, capture_output=True, text=True, check=True
    )
    return set(json.loads(done.stderr.splitlines()[-1]))


@pytest.mark.parametrize("words", [("--help",), ("promote", "--help"), ("deliver", "-h")])
def test_help_imports_neither_the_core_nor_the_record(
    project: ProjectHarness, words: tuple[str, ...]
) -> None:
    modules = imported(project, *words)
    assert modules & HEAVY == set()
    assert {name.partition(".")[0] for name in modules} & {"rollout", "store"} == set()


def test_acts_on_the_record_alone_import_nothing_heavy(project: ProjectHarness) -> None:
    project.deliver("v1")
    project.deliver("v2")
    project.run("up")
    for name in ("v1", "v2"):
        project.act("deploy", name)
        project.act("promote", name)

    assert imported(project, "rollback") & HEAVY == set()
    # These read manifests and ask the version for its golden answers first.
    for words in (("promote", "v2"), ("canary", "v1"), ("abort",)):
        assert imported(project, *words) & HEAVY <= {"http.client", "yaml"}


def test_a_rollback_on_postgresql_imports_its_driver_and_no_more(
    project: ProjectHarness, postgres_url: str
) -> None:
    project.deliver("v1")
    project.deliver("v2")
    here = project.workspace(DATABASE_URL=postgres_url)
    make_record(here)
    with opened_record(here) as store:
        version = {
            "state": "deployed",
            "address": "unix:/v",
            "program": "v",
            "digest": "d",
            "runtime": "onnx",
        }
        versions = [
            {**version, "name": "v1", "proven_at": 0.0},
            {**version, "name": "v2", "proven_at": 0.0},
        ]
        versions[1]["state"] = "released"
        split = {"salt": "s", "slices": [[0, 10_000, "v2"]], "shadows": []}
        body = {
            "format": 2,
            "model": "flights",
            "versions": versions,
            "split": split,
            "released": "v2",
        }
        body |= {"released_before": ["v1"], "rollout": None}
        store.append(1, body, "promote", "ana", "", datetime.now(UTC))

    code = IMPORTED.replace(
        "import runpy", f"import os, runpy; os.environ['DATABASE_URL'] = {postgres_url!r}"
    )
    command = [sys.executable, "-c", code, str(ROOT / "deploy.py"), "rollback"]
    done = subprocess.run(
        command, cwd=ROOT, env=project.environment, capture_output=True, text=True, check=True
    )
    assert "from v2 to v1" in done.stdout
    assert set(json.loads(done.stderr.splitlines()[-1])) & HEAVY <= {"psycopg", "asyncio"}
    with opened_record(here) as store:
        assert store.verify() == 2
