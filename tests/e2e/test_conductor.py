"""Rollouts that run by themselves, in real processes under their users' load, whatever is killed
meanwhile.
"""

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from rollout.state.ledger import from_body
from store import EvidenceStore, LedgerStore
from store.engine import engine
from store.leases import LeaseStore
from tests.e2e.conftest import new_stack
from tests.e2e.stack_harness import ROW, StackHarness, Users
from tests.until import until

UNKNOWN_CITY = {**ROW, "city": "Rome"}
"""v3 fails on it, v1 and v2 do not."""
SETTINGS = """
model = "flights"
[router]
workers = 2
recent_rows = 0
[verdict]
alpha = 0.001
steps = "20,50"
step_s = 0.5
step_requests = 50
watch_s = 1.0
cold_s = 0.2
compare_ms = 20
on_conflict = "{on_conflict}"
[verdict.errors]
margin = 0.05
[verdict.latency]
tolerance = 1.0
margin = 2.0
[verdict.response_time]
action = "watch"
[verdict.prediction]
action = "{prediction}"
[verdict.agreement]
margin = 0.2
"""


class Court:
    """A stack whose rollouts run by themselves, and its record."""

    def __init__(self, stack: StackHarness, database: str = "") -> None:
        self.stack, self.url = stack, database or f"sqlite:///{stack.folder}/var/ledger.db"
        stack.more |= {"SLUICE_CONFIG": str(stack.folder / "deploy.toml"), "DATABASE_URL": database}
        self.settings()

    def settings(self, on_conflict: str = "refuse", prediction: str = "watch") -> None:
        """What the next verbs go by. prediction: what is done where v2 says another class than v1,
        as it does.
        """
        (self.stack.folder / "deploy.toml").write_text(
            SETTINGS.format(on_conflict=on_conflict, prediction=prediction)
        )

    def up(self, *versions: str) -> None:
        """Everything runs and the first version is released."""
        self.stack.up(*versions)
        self.engine = engine(self.url)
        self.record, self.leases = (
            LedgerStore(self.engine, "flights"),
            LeaseStore(self.engine, "flights"),
        )

    def down(self) -> None:
        """Nothing runs."""
        self.engine.dispose()
        self.stack.run("down", check=False)

    @property
    def ledger(self):
        """The newest one."""
        newest = self.record.newest()
        return from_body(newest.body, newest.revision)

    def acts(self, since: int) -> list[tuple[str, str]]:
        """Who did what after a revision, oldest first."""
        return [(e.actor, e.action) for e in reversed(self.record.history()) if e.revision > since]

    def ended(self, deadline_s: float = 40.0) -> str:
        """Wait for the rollout's end; the act that ended it."""
        try:
            until(lambda: self.ledger.rollout is None, "the rollout has ended", deadline_s)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.stack.run('explain', check=False).out}") from None

        return self.record.newest().action

    def judged(self, looks: int = 3) -> None:
        """Wait until the conductor has looked so many times."""
        before = self.leases.look().beat
        until(lambda: self.leases.look().beat >= before + looks, f"{looks} looks")

    def conductor(self) -> int:
        """Process id of who conducts."""
        return int(until(self.leases.look, "somebody conducts").holder.partition("-")[0])

    def reset(self) -> int:
        """v1 released, v2 and v3 deployed, no rollout; the revision."""
        if self.ledger.rollout is not None:
            self.stack.run("abort")

        for version in ("v1", "v2", "v3"):
            if str(self.ledger.version(version).state) == "retired":
                self.stack.run("deploy", version)

        if self.ledger.released != "v1":
            self.stack.run("promote", "v1")

        return self.ledger.revision


@pytest.fixture(scope="module")
def made(delivered: Path, tmp_path_factory: pytest.TempPathFactory):
    """One stack for all that leaves it whole."""
    folder = tmp_path_factory.mktemp("court")
    court = Court(new_stack(delivered, folder))
    court.up("v1", "v2", "v3")
    yield court
    court.down()


@pytest.fixture
def court(made: Court) -> Court:
    """The stack, calm."""
    made.settings()
    made.reset()
    return made


@pytest.fixture
def users(court: Court):
    """Users who lose nothing."""
    with Users(court.stack, 2) as users:
        yield users
    assert users.failed == []


class Watching:
    """`watch --timeout`, which says one line a change and ends with the rollout; `code` is its exit
    code.
    """

    def __init__(self, court: Court) -> None:
        self.process = court.stack.start("watch", "--timeout", "15m")
        self.code = -1

    def begin(self) -> None:
        """Wait for its first look at the rollout."""
        said = []
        for line in self.process.stdout:
            said.append(line)
            if " against v1" in line:
                return

        self.end()
        raise AssertionError(f"it ended and never looked at the rollout: {said}")

    def end(self) -> None:
        """Wait for its end."""
        self.process.communicate(timeout=300)
        self.code = self.process.returncode

    def __enter__(self) -> "Watching":
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is not None:
            self.process.kill()
        self.end()


BY_ITSELF = [("conductor", "step"), ("conductor", "promote")]


def test_a_canary_goes_from_its_first_share_to_its_release(court: Court, users: Users) -> None:
    since = court.ledger.revision
    # Nobody asks until somebody watches: however slow that command begins, it sees the rollout from
    # its start.
    with users.resting():
        said = court.stack.run("canary", "v2", "--auto", "--every", "3s", "-m", "as good").out
        assert "false alarm at most 0.1 % over the whole rollout" in said
        watch = Watching(court)
        watch.begin()

    with watch:
        assert court.ended() == "promote"

    assert watch.code == 0
    assert court.acts(since) == [("ann", "canary"), *BY_ITSELF]
    assert court.ledger.released == "v2"
    users.only("v2")
    assert "PASS" in court.stack.run("explain").out


def test_a_failing_candidate_goes_back_and_its_users_lose_nothing(
    court: Court, users: Users
) -> None:
    since = court.ledger.revision
    court.stack.run("canary", "v3", "--auto", "--every", "10m")
    watch = Watching(court)
    watch.begin()
    with watch:
        users.row = UNKNOWN_CITY
        assert court.ended() == "rollback"

    assert watch.code == 5
    assert court.acts(since) == [("ann", "canary"), ("conductor", "rollback")]
    assert court.ledger.split.weights() == {"v1": 10_000}
    assert "errors:" in court.record.newest().reason
    assert "FAIL" in court.stack.run("explain").out


def test_a_candidate_that_says_something_else_is_held_until_a_person_lets_it_go_on(
    court: Court, users: Users
) -> None:
    court.settings(prediction="hold")
    since = court.ledger.revision
    court.stack.run("canary", "v2", "--auto")
    until(lambda: court.ledger.running().held == ("prediction",), "it is held")
    assert "on hold: prediction" in court.stack.run("status").out
    court.stack.run("resume", "-m", "as it should")
    assert court.ended() == "promote"
    assert court.acts(since) == [
        ("ann", "canary"),
        ("conductor", "hold"),
        ("ann", "resume"),
        *BY_ITSELF,
    ]


@pytest.mark.soak
def test_a_pause_holds_it_and_a_resumed_one_goes_on(court: Court, users: Users) -> None:
    since = court.ledger.revision
    court.stack.run("canary", "v2", "--auto", "--every", "6s")
    court.stack.run("pause")
    users.more(500)
    court.judged()
    assert court.acts(since) == [("ann", "canary"), ("ann", "pause")]
    court.stack.run("resume")
    assert court.ended() == "promote"
    assert court.acts(since) == [("ann", "canary"), ("ann", "pause"), ("ann", "resume"), *BY_ITSELF]


@pytest.mark.soak
def test_a_fixed_split_never_moves_and_refuses_or_makes_way(court: Court, users: Users) -> None:
    since = court.ledger.revision
    court.stack.run("ab", "v2", "--auto", "--percent", "50")
    users.more(1000)
    court.judged()
    assert court.acts(since) == [("ann", "ab")]
    refused = court.stack.run("canary", "v3", check=False)
    assert (refused.code, court.acts(since)) == (1, [("ann", "ab")])
    assert "a ab of v2 is in progress" in refused.out
    court.stack.run("abort")
    court.settings(on_conflict="supersede")
    court.stack.run("ab", "v2", "--auto")
    court.stack.run("promote", "v3", "-m", "a hotfix")
    assert (court.ledger.released, court.ledger.rollout) == ("v3", None)


@pytest.mark.soak
def test_a_ramp_that_is_judged_follows_the_clock(court: Court, users: Users) -> None:
    since = court.ledger.revision
    court.stack.run("ramp", "v2", "--auto", "--over", "3s", "--steps", "3")
    assert court.ended() == "step"
    assert court.acts(since) == [("ann", "ramp"), ("conductor", "step"), ("conductor", "step")]
    assert court.ledger.released == "v2"


def test_a_shadow_of_an_equal_model_ends_well_and_no_user_meets_it(
    court: Court, users: Users
) -> None:
    since = court.ledger.revision
    users.more(10)
    met = users.answers["v3"]
    court.stack.run("shadow", "v3", "--auto")
    assert court.ended() == "end"
    assert court.acts(since) == [("ann", "shadow"), ("conductor", "end")]
    assert (court.ledger.released, users.answers["v3"]) == ("v1", met)


def test_blue_green_is_watched_and_released(court: Court, users: Users) -> None:
    since = court.ledger.revision
    court.stack.run("blue-green", "v2", "--auto")
    assert court.ended() == "promote"
    assert court.acts(since) == [("ann", "blue-green"), ("conductor", "promote")]
    assert (court.ledger.released, court.ledger.rollback_target()) == ("v2", "v1")


def test_blue_green_goes_back_when_the_new_version_fails(court: Court, users: Users) -> None:
    # Before the switch, for a quick machine may have the proof before the users' next request.
    users.row = UNKNOWN_CITY
    court.stack.run("blue-green", "v3", "--auto")
    assert court.ended() == "rollback"
    users.only("v1")


def test_release_in_place_leaves_one_process_or_goes_back(court: Court, users: Users) -> None:
    since = court.ledger.revision
    said = court.stack.run("release-in-place", "v2", "--auto").out
    assert "retire: v1 stopped, and stays the rollback target" in said
    assert court.acts(since) == [
        ("ann", "release-in-place"),
        ("conductor", "promote"),
        ("ann", "retire"),
    ]
    users.row = UNKNOWN_CITY
    back = court.stack.run("release-in-place", "v3", "--auto", check=False)
    assert (back.code, court.ledger.released) == (5, "v2"), back.out
    users.only("v2")
    running = {
        row["name"] for row in court.stack.status()["versions"] if row["process"] == "running"
    }
    assert running == {"v2", "v3"}


def test_worse_labels_send_it_back(court: Court, users: Users) -> None:
    court.stack.run("canary", "v2", "--auto", "--steps", "50,60", "--every", "10m")
    until(lambda: users.answers["v2"] > 10, "the candidate answers")
    _label(court, _answers(court, 300), right={"v1"})
    assert court.ended() == "rollback"
    assert "labels:" in court.record.newest().reason


@pytest.mark.soak
def test_labels_that_come_after_the_release_flag_it(court: Court, users: Users) -> None:
    court.stack.run("canary", "v2", "--auto", "--steps", "50", "--every", "10m")
    answers = _answers(court, 300)
    assert court.ended() == "promote"
    _label(court, answers, right={"v1"})
    until(lambda: court.ledger.flagged, "it is flagged", 30)
    assert court.record.newest().action == "flag"
    assert court.ledger.released == "v2"
    assert "late labels look worse" in court.stack.run("status").out


def _answers(court: Court, count: int) -> list[tuple[str, str, int]]:
    """Version, id and class of so many answers."""
    found = []
    with httpx.Client(timeout=120) as client:
        for _ in range(count):
            answer = client.post(f"{court.stack.url}/predict", json={"instances": [ROW]})
            none, one = answer.json()["predictions"][0]
            found.append(
                (
                    answer.headers["x-model-version"],
                    answer.headers["x-prediction-id"],
                    int(one > none),
                )
            )

    return found


def _label(court: Court, answers: list[tuple[str, str, int]], right: set[str]) -> None:
    """Late labels by which these versions were right and the others were not."""
    labels = [
        {"prediction_id": token, "label": said if version in right else 1 - said}
        for version, token, said in answers
    ]
    sent = httpx.post(f"{court.stack.url}/feedback", json=labels, timeout=120).json()
    assert (sent["counted"], sent["invalid"]) == (len(labels), [])


def test_whoever_conducts_may_be_killed_at_every_step(court: Court) -> None:
    since = court.ledger.revision
    with Users(court.stack, 4):
        court.stack.run("canary", "v2", "--auto", "--steps", "10,20,35,50", "--every", "4s")
        killed = [_killed_at(court, step) for step in range(4)]
        assert court.ended() == "promote"

    assert len(set(killed)) == 4
    assert court.acts(since) == [
        ("ann", "canary"),
        *[("conductor", "step")] * 3,
        ("conductor", "promote"),
    ]
    assert "the chain" in court.stack.run("history", "--verify").out
    until(lambda: len(court.stack.status()["workers"]) == 2, "two workers are there")
    assert court.conductor() in {worker["pid"] for worker in court.stack.status()["workers"]}


def _killed_at(court: Court, step: int) -> int:
    """Kill who conducts once the rollout is at this step."""
    until(lambda: court.ledger.running().step == step, f"step {step}")
    pid = court.conductor()
    os.kill(pid, signal.SIGKILL)
    return pid


@pytest.mark.soak
def test_the_router_may_be_restarted_in_the_middle_of_a_step(court: Court) -> None:
    since = court.ledger.revision
    court.stack.run("canary", "v2", "--auto", "--every", "8s")
    with Users(court.stack, 4) as users:
        until(lambda: users.answers["v2"] > 100, "the candidate answers")

    assert court.acts(since) == [("ann", "canary")]
    _restart_router(court)
    assert court.stack.status()["verdict"]["candidate_requests"] >= users.answers["v2"]
    with Users(court.stack, 4):
        assert court.ended() == "promote"

    assert court.acts(since) == [("ann", "canary"), *BY_ITSELF]
    court.record.verify()


def _restart_router(court: Court) -> None:
    config = court.stack.folder / "var" / "supervisord.conf"
    command = [
        sys.executable,
        "-m",
        "supervisor.supervisorctl",
        "-c",
        str(config),
        "restart",
        "router",
    ]
    subprocess.run(command, capture_output=True, check=True, timeout=300)
    until(lambda: _answers_at_all(court.stack.predict), "it answers again")


def _answers_at_all(ask: Callable[[], httpx.Response]) -> bool:
    try:
        return ask().status_code == 200
    except httpx.TransportError:
        return False


def test_what_failed_while_postgresql_was_away_is_in_the_rollback_that_follows(
    delivered: Path, tmp_path: Path, postgres_server, postgres_url: str
) -> None:
    court = Court(new_stack(delivered, tmp_path), postgres_url)
    court.up("v1", "v3")
    try:
        with Users(court.stack, 4) as users:
            court.stack.run("canary", "v3", "--auto", "--steps", "20,50", "--every", "10m")
            until(lambda: users.answers["v3"] > 20, "the candidate answers")
            court.judged(1)
            postgres_server.stop()
            try:
                users.row = UNKNOWN_CITY
                until(lambda: _errors(court) >= 50, "50 requests have failed")
                users.row = ROW
            finally:
                postgres_server.start()
            assert court.ended() == "rollback"
            users.only("v1")
        assert users.failed == []
        assert "errors:" in court.record.newest().reason, "none has failed since it answers again"
        until(
            lambda: _handed_in(court) >= 50, "every worker has handed in what it counted meanwhile"
        )
        court.record.verify()
    finally:
        court.down()


def _handed_in(court: Court) -> int:
    """Requests of v3 that failed, by the evidence of the newest rollout."""
    rollout = next(
        entry.body["rollout"] for entry in court.record.history() if entry.body["rollout"]
    )
    rows = EvidenceStore(court.engine, "flights").of(rollout["id"])
    return sum(row.body.get("finished", {}).get("error", 0) for row in rows if row.version == "v3")


def _errors(court: Court) -> int:
    return httpx.get(f"{court.stack.url}/status", timeout=120).json()["versions"]["v3"]["errors"]
