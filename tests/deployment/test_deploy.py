"""deploy.py as a program: what it prints, where, and its exit codes."""

import json
import subprocess
import sys
from datetime import UTC, datetime

import pytest

from deployment.workspace.ledger import make_record, opened_record
from tests.deployment.stage import ROOT, Stage

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


def test_every_verb_is_there_and_has_its_help(stage: Stage) -> None:
    text = stage.run("--help").out
    assert [verb for verb in VERBS if f" {verb} " not in text] == []


def test_a_first_day_at_the_command_line(stage: Stage) -> None:
    stage.deliver("v1")
    stage.deliver("v2")
    assert stage.run("up", "--json").json["already"] is False
    deployed = stage.run("deploy", "v1", "-m", "first", "--json").json
    assert (deployed["act"], deployed["undo"], deployed["revision"]) == (
        "deploy",
        "python deploy.py retire v1",
        1,
    )
    assert "✔ promote: v1 released (revision 2" in stage.run("promote", "v1").out
    stage.run("deploy", "v2")
    canary = stage.run("canary", "v2", "--every", "30s")
    assert "step 1      5 %  for 30 s" in canary.out
    assert "undo: python deploy.py rollback" in canary.out
    seen = stage.run("status").out
    for words in (
        "canary of v2 against v1",
        "step 1/3",
        "v1 ready, warm",
        "python deploy.py rollback",
        "95 %",
    ):
        assert words in seen

    assert "step 1/3" in stage.run("watch", "--once").out
    assert stage.run("watch", "--timeout", "100ms", code=4).out
    back = stage.run("rollback", "-m", "slow")
    assert "rollback: from v2 to v1" in back.out
    value = stage.run("history", "--verify", "--json").json
    assert [row["action"] for row in value["history"]] == [
        "rollback",
        "canary",
        "deploy",
        "promote",
        "deploy",
    ]
    assert (value["history"][0]["reason"], value["verified"]) == ("slow", 5)
    assert stage.run("down").out.startswith("stopped: router, v1-1, v2-3")
    away = stage.run("status").out
    assert "nothing is running here: `python deploy.py up` first" in away
    assert "v1 released" in away


def test_a_refusal_is_one_line_and_exit_1(stage: Stage) -> None:
    refused = stage.run("rollback", code=1)
    assert (refused.out, refused.err.count("\n")) == ("", 1)
    assert "`python deploy.py up` makes it" in refused.err
    answer = stage.run("rollback", "--json", code=1)
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
def test_misuse_is_exit_2_also_as_json(stage: Stage, arguments: tuple[str, ...]) -> None:
    value = stage.run(*arguments, "--json", code=2)
    assert set(value.json) == {"error", "next"}
    assert "Traceback" not in value.err


def test_lint_names_what_is_wrong_and_a_broken_bundle_is_exit_6(stage: Stage) -> None:
    stage.deliver("v1")
    assert "✔ bundle v1" in stage.run("lint").out
    (stage.folder / "deploy.toml").write_text("[router]\nprt = 1\n")
    assert "unknown key 'router.prt'" in stage.run("lint", code=1).out
    (stage.folder / "releases" / "v1" / "golden.jsonl").write_text("{}")
    assert "golden.jsonl was changed" in stage.run("lint", code=6).out


def test_status_shows_what_it_can_when_the_record_is_no_database(stage: Stage) -> None:
    stage.state.mkdir()
    (stage.state / "ledger.db").write_bytes(b"not a database at all" * 100)
    assert "not a database" in stage.run("status").out
    assert "not a database" in stage.run("rollback", code=1).err


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


def imported(stage: Stage, *words: str) -> set[str]:
    """Every module that a run of deploy.py has imported when it ends, with exit code 0."""
    command = [sys.executable, "-c", IMPORTED, str(ROOT / "deploy.py"), *words]
    done = subprocess.run(
        command, cwd=ROOT, env=stage.environment, capture_output=True, text=True, check=True
    )
    return set(json.loads(done.stderr.splitlines()[-1]))


@pytest.mark.parametrize("words", [("--help",), ("promote", "--help"), ("deliver", "-h")])
def test_help_imports_neither_the_core_nor_the_record(stage: Stage, words: tuple[str, ...]) -> None:
    modules = imported(stage, *words)
    assert modules & HEAVY == set()
    assert {name.partition(".")[0] for name in modules} & {"rollout", "store"} == set()


def test_acts_on_the_record_alone_import_nothing_heavy(stage: Stage) -> None:
    stage.deliver("v1")
    stage.deliver("v2")
    stage.run("up")
    for name in ("v1", "v2"):
        stage.act("deploy", name)
        stage.act("promote", name)

    assert imported(stage, "rollback") & HEAVY == set()
    # These read manifests and ask the version for its golden answers first.
    for words in (("promote", "v2"), ("canary", "v1"), ("abort",)):
        assert imported(stage, *words) & HEAVY <= {"http.client", "yaml"}


def test_a_rollback_on_postgresql_imports_its_driver_and_no_more(
    stage: Stage, postgres_url: str
) -> None:
    stage.deliver("v1")
    stage.deliver("v2")
    here = stage.workspace(DATABASE_URL=postgres_url)
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
        command, cwd=ROOT, env=stage.environment, capture_output=True, text=True, check=True
    )
    assert "from v2 to v1" in done.stdout
    assert set(json.loads(done.stderr.splitlines()[-1])) & HEAVY <= {"psycopg", "asyncio"}
    with opened_record(here) as store:
        assert store.verify() == 2
