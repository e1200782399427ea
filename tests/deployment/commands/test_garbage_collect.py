"""`collect` on this machine: processes that answer nobody go after their warm time; no sum is told,
for none costs.
"""

import pytest

from deployment.commands.garbage_collect import collect
from deployment.workspace.errors import Interrupted
from tests.deployment.project_harness import ProjectHarness

COLD = "[heroku]\nwarm_s = 0\n"


@pytest.fixture
def waiting(running: ProjectHarness) -> ProjectHarness:
    """v1 is released; v2 runs and answers nobody."""
    running.act("deploy", "v1")
    running.act("promote", "v1")
    running.act("deploy", "v2")
    return running


def settle(project: ProjectHarness, text: str) -> None:
    """A deploy.toml of its own."""
    (project.folder / "deploy.toml").write_text(text)


def test_what_is_warm_stays(waiting):
    settle(waiting, "")
    assert "nothing to collect" in waiting.run("collect").out
    assert waiting.run("collect", "--json").json["retired"] == []


def test_what_is_cold_goes_once(waiting):
    settle(waiting, COLD)
    answer = waiting.run("collect")
    said = answer.out.splitlines()
    assert said[0].startswith("v2: idle for ")
    assert said[0].endswith(": its process is stopped")
    assert "✔ collected: v2" in said
    assert "  undo: python deploy.py deploy v2" in said
    assert "$" not in answer.out
    newest = waiting.newest()
    assert (newest.action, newest.reason.startswith("idle for")) == ("retire", True)
    assert [v.name for v in waiting.ledger().live()] == ["v1"]
    assert waiting.run("collect", "--json").json == {
        "act": "collect",
        "retired": [],
        "stopped": [],
        "deleted": [],
        "environments": [],
        "monthly_saving": 0.0,
        "failed": {},
        "undo": [],
    }


def test_without_a_process_the_rollback_target_is_one_still(waiting):
    settle(waiting, COLD)
    waiting.act("promote", "v2")
    assert waiting.run("collect", "--json").json["retired"] == ["v1"]
    assert waiting.ledger().rollback_target() == "v1"
    waiting.run("rollback")
    assert waiting.ledger().released == "v1"


def test_ctrl_c_between_two_says_what_was_done(waiting, monkeypatch):
    settle(waiting, COLD)

    def interrupted(*_: object) -> bool:
        raise KeyboardInterrupt

    monkeypatch.setattr("deployment.commands.garbage_collect._retire", interrupted)
    with pytest.raises(Interrupted, match="interrupted after nothing was done"):
        collect(waiting.workspace(), waiting.said.append)


def test_without_a_record_there_is_nothing_to_look_at(project):
    assert "no record yet" in project.run("collect", code=1).err
