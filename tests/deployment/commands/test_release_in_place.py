"""`release-in-place --auto` waits until the conductor has decided, and then keeps the promise of
one version.
"""

import json
import signal
import subprocess
from datetime import UTC, datetime

import pytest

from deployment.workspace.ledger import opened_record
from rollout.decide import transitions
from rollout.state.ledger import Ledger
from rollout.state.version_state import State
from targets.local.supervisor_client import Supervisor
from tests.deployment.project_harness import ProjectHarness, until


@pytest.fixture
def fresh(running: ProjectHarness) -> ProjectHarness:
    """The shared stack with v1 released and nothing else."""
    if running.ledger().rollout is not None:
        running.act("abort")

    running.act("deploy", "v1")
    running.act("promote", "v1")
    for version in running.ledger().live():
        if version.name != "v1":
            running.act("retire", version.name, True)

    return running


def programs(project: ProjectHarness) -> set[str]:
    """What runs."""
    return {
        program.rpartition("-")[0] for program in Supervisor(project.workspace()).processes()
    } - {""}


def begin(project: ProjectHarness) -> "subprocess.Popen[str]":
    """The verb, once its rollout is in progress."""
    verb = project.begin("release-in-place", "v2", "--auto", "-m", "as one")
    until(lambda: project.ledger().rollout is not None, "the rollout is in progress")
    return verb


def conduct(project: ProjectHarness, act: str, after: Ledger) -> None:
    """What the conductor would record."""
    following = after.next()
    with opened_record(project.workspace()) as store:
        store.append(
            following.revision, following.to_body(), act, "conductor", "proved", datetime.now(UTC)
        )


def test_when_it_is_released_the_old_version_is_retired_by_an_act_of_its_own(
    fresh: ProjectHarness,
) -> None:
    verb = begin(fresh)
    assert programs(fresh) == {"v1", "v2"}
    conduct(fresh, "promote", transitions.released(fresh.ledger(), "v2"))
    out, err = verb.communicate(timeout=300)
    assert verb.returncode == 0, out + err
    assert programs(fresh) == {"v2"}
    assert fresh.ledger().version("v1").state == State.RETIRED
    newest = fresh.newest()
    assert (newest.action, newest.actor, newest.reason) == (
        "retire",
        "ana@test",
        "v2 is released in its place",
    )
    assert "✔ release-in-place: v2 answers in place of v1" in out
    assert "v2 released" in out
    stopped = "✔ retire: v1 stopped, and stays the rollback target"
    assert out.index("v2 released") < out.index(stopped)
    assert fresh.ledger().rollback_target() == "v1"


def test_when_it_is_taken_back_the_exit_code_says_so_and_the_old_version_runs(
    fresh: ProjectHarness,
) -> None:
    verb = begin(fresh)
    ledger = fresh.ledger()
    conduct(fresh, "rollback", transitions.ended(ledger, ledger.running()))
    out, err = verb.communicate(timeout=300)
    assert verb.returncode == 5, out + err
    assert fresh.ledger().released == "v1"
    assert "v1" in programs(fresh)


def test_ctrl_c_leaves_the_rollout_running_and_says_so(fresh: ProjectHarness) -> None:
    verb = begin(fresh)
    assert verb.stdout is not None
    until(lambda: "against v1" in verb.stdout.readline(), "it shows the rollout")  # type: ignore[union-attr]
    verb.send_signal(signal.SIGINT)
    _, err = verb.communicate(timeout=300)
    assert verb.returncode == 130
    assert "continues by itself, `python deploy.py watch` shows it" in err
    assert fresh.ledger().running().candidate == "v2"
    assert programs(fresh) == {"v1", "v2"}


def test_a_person_who_went_back_at_once_keeps_the_old_version(fresh: ProjectHarness) -> None:
    verb = begin(fresh)
    verb.send_signal(signal.SIGSTOP)
    conduct(fresh, "promote", transitions.released(fresh.ledger(), "v2"))
    conduct(fresh, "rollback", transitions.rolled_back(fresh.ledger(), "v1"))
    verb.send_signal(signal.SIGCONT)
    verb.communicate(timeout=300)
    assert (verb.returncode, fresh.ledger().released) == (5, "v1")
    assert "v1" in programs(fresh)


def test_the_last_line_is_one_json_object(fresh: ProjectHarness) -> None:
    verb = fresh.begin("release-in-place", "v2", "--auto", "--json")
    until(lambda: fresh.ledger().rollout is not None, "the rollout is in progress")
    conduct(fresh, "promote", transitions.released(fresh.ledger(), "v2"))
    out, err = verb.communicate(timeout=300)
    assert verb.returncode == 0, err
    assert json.loads(out.splitlines()[-1])["act"] == "retire"
