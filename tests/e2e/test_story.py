"""The main job, by the commands its users type, under their users' load."""

import itertools
import os
import signal
import subprocess
import sys

import httpx

from router.dispatch.routing_table import table_of
from tests.e2e.stack_harness import ROW, StackHarness, Users
from tests.until import until


def test_from_delivery_to_release_and_back_no_request_is_lost(shared_stack):
    stack, before, asked = (
        shared_stack,
        shared_stack.ledger.revision,
        shared_stack.status()["failed_requests"],
    )
    with Users(stack) as users:
        stack.run("shadow", "v2")
        until(lambda: _compared(stack) >= 20, "20 copies are compared")
        stack.run("canary", "v2", "--steps", "20,60")
        until(lambda: users.answers["v2"] >= 10, "the canary answers")
        stack.run("promote", "v2", "--step")
        stack.run("promote", "v2", "-m", "it is good")
        users.only("v2")
        stack.run("rollback", "-m", "it was not")
        users.only("v1")
        stack.run("blue-green", "v2")
        users.only("v2")
        stack.run("retire", "v1", "--force")
        users.more(50)

    assert users.failed == []
    assert "the chain" in stack.run("history", "--verify").out
    # shadow, canary, a step, promote, rollback, blue-green and retire, each once.
    assert stack.ledger.revision == before + 7
    status = stack.status()
    assert (status["released"], status["failed_requests"]) == ("v2", asked)


def test_drift_is_told_against_training_and_between_the_versions(shared_stack):
    """Rows of another city than training's move the column for both versions alike. Then somebody
    before the router who knows the assignment joins another amount to the candidate's rows."""
    stack = shared_stack
    stack.run("canary", "v2", "--auto", "--steps", "50", "-m", "drift")
    users = itertools.count()

    def are_counted():
        # Ever more: a version that is late with the sample of a second leaves it out.
        for city in ("Oslo", "Atlantis") * 10:
            assert _asks(stack, f"sound {next(users)}", city=city).status_code == 200
        unseen = _unseen(stack)
        return sum(unseen) >= 30 and min(unseen) > 0

    until(are_counted, "the history has rows of the unknown city")
    drift = stack.status()["drift"]
    for training in drift["training"]:
        columns = {column["name"]: column for column in training["columns"]}
        assert training["columns_of"] == "training"
        assert columns["city"]["word"] in ("moved", "beyond what was seen")

    assert not drift["mix"]["is_broken"]
    assert drift["change"]["state"] == "no baseline"

    token = (stack.folder / "var" / "secrets" / "token").read_text().strip()
    split = table_of(stack.ledger, token.encode()).split

    def is_found():
        for number in itertools.islice(users, 20):
            unit = f"joined {number}"
            joined = {"amount": 90_000.0} if split.choose(unit.encode()) == "v2" else {}
            assert _asks(stack, unit, **joined).status_code == 200
        return stack.status()["drift"]["mix"]["is_broken"]

    until(is_found, "the broken join is found")
    mix = stack.status()["drift"]["mix"]
    assert mix["columns"][0]["name"] == "amount"
    assert {column["name"] for column in mix["columns"] if column["share"] >= 1} == {"amount"}
    page = httpx.get(f"{stack.url}/", timeout=120).text
    assert "Column mix" in page
    assert "Different rows" in page
    assert "ALARM Between the versions" in stack.run("status").out
    metrics = httpx.get(f"{stack.url}/metrics", timeout=120).text
    assert 'sluice_drift_distance_ratio{kind="column",name="city",version="v1"}' in metrics
    stack.run("abort")


def _asks(stack: StackHarness, unit: str, **changes: object) -> httpx.Response:
    return stack.predict({**ROW, **changes}, **{"X-Unit-Id": unit})


def _unseen(stack: StackHarness) -> list[int]:
    """The rows of each version with a city that training has not."""
    drift = httpx.get(f"{stack.url}/status", timeout=120).json()["drift"]
    columns = [column for training in drift["training"] for column in training["columns"]]
    return [column["unseen"] for column in columns if column["name"] == "city"]


def test_release_in_place_loses_no_request_and_leaves_one_process(shared_stack):
    stack = shared_stack
    stack.run("retire", "v2", "--force")
    with Users(stack) as users:
        stack.run("release-in-place", "v2")
        users.only("v2")
        assert not stack.status()["rollback"]["running"]
        stack.run("rollback")
        users.only("v1")

    assert users.failed == []
    running = [row["name"] for row in stack.status()["versions"] if row["process"] == "running"]
    assert running == ["v1", "v3"]


def test_a_killed_version_is_answered_for_and_comes_back(shared_stack):
    stack = shared_stack
    stack.run("canary", "v2", "--steps", "50")
    with Users(stack) as users:
        program = next(row["program"] for row in stack.status()["versions"] if row["name"] == "v2")
        for pid in stack.pids(program):
            os.kill(pid, signal.SIGKILL)
        users.more(200)
        before = users.answers["v2"]
        until(lambda: users.answers["v2"] > before + 20, "v2 is back", 30)

    assert users.failed == []


def test_a_fault_of_the_canary_reaches_no_user(shared_stack):
    stack, failed = shared_stack, shared_stack.status()["failed_requests"]
    before = _row(stack, "v3")["errors"]
    stack.run("canary", "v3", "--steps", "50")
    answers = [stack.predict({**ROW, "city": "Rome"}, **{"X-Unit-Id": f"u{i}"}) for i in range(30)]
    assert {answer.status_code for answer in answers} == {200}
    assert any(answer.headers.get("x-fallback-from") == "v3" for answer in answers)
    until(lambda: _row(stack, "v3")["errors"] >= before + 5, "the errors count against v3")
    assert stack.status()["failed_requests"] == failed


def test_a_timed_ramp_ends_in_release_by_itself(shared_stack):
    stack = shared_stack
    stack.run("ramp", "v2", "--over", "3s", "--steps", "3")
    until(lambda: stack.status()["released"] == "v2", "v2 is released", 30)
    assert "conductor" in stack.run("history").out


def test_what_was_down_comes_up_as_the_ledger_has_it(shared_stack):
    stack = shared_stack
    stack.run("ab", "v2", "--percent", "30")
    stack.run("down")
    stack.run("up", "--port", "0")
    until(lambda: stack.predict().status_code == 200, "it answers")
    weights = {row["name"]: row["weight"] for row in stack.status()["versions"]}
    assert weights == {"v1": 70.0, "v2": 30.0, "v3": 0.0}


def test_the_whole_path_on_postgresql(stack, postgres_url):
    stack.more["DATABASE_URL"] = postgres_url
    stack.up("v1", "v2")
    with Users(stack) as users:
        stack.run("promote", "v2")
        users.only("v2")
        stack.run("rollback")
        users.only("v1")

    assert users.failed == []
    shown = stack.run("status").out + stack.run("history", "--verify").out
    assert "s3cret" not in shown


def test_a_sticky_user_keeps_the_version_while_the_canary_grows(shared_stack):
    stack = shared_stack
    stack.run("canary", "v2", "--steps", "20,50")
    stack.wait_until_followed()
    units = [f"user-{i}" for i in range(60)]
    before = {unit for unit in units if _version_of(stack, unit) == "v2"}
    stack.run("promote", "v2", "--step")
    stack.wait_until_followed()
    after = {unit for unit in units if _version_of(stack, unit) == "v2"}
    assert before
    assert before < after


def test_late_labels_count_for_the_version_that_predicted(shared_stack):
    stack, before = shared_stack, _row(shared_stack, "v1")["labels"]
    token = stack.predict().headers["x-prediction-id"]
    sent = {"prediction_id": token, "label": 1}
    assert httpx.post(f"{stack.url}/feedback", json=[sent, sent], timeout=120).json() == {
        "counted": 1,
        "duplicates": 1,
        "invalid": [],
    }
    assert _row(stack, "v1")["labels"] == before + 1


def test_the_demo_verb_tells_its_options():
    command = [sys.executable, "deploy.py", "demo", "--help"]
    said = subprocess.run(command, capture_output=True, text=True, timeout=300, check=True).stdout
    assert "--keep" in said


def _version_of(stack, unit):
    return stack.predict(**{"X-Unit-Id": unit}).headers["x-model-version"]


def _row(stack, version):
    return next(row for row in stack.status()["versions"] if row["name"] == version)


def _compared(stack):
    shadow = (
        httpx.get(f"{stack.url}/status", timeout=120)
        .json()["versions"]
        .get("v2", {})
        .get("shadow", {})
    )
    return shadow.get("agree", 0) + shadow.get("differ", 0)
