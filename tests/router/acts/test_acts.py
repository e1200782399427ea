"""Acts over HTTP on real rollouts: one insert each, by name, and never two for one look."""

import sqlite3
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import replace
from functools import partial
from types import MappingProxyType

import httpx
import pytest

from rollout.decide import decisions
from rollout.decide.decisions import Facts
from rollout.state.ledger import Ledger, Step, from_body
from rollout.state.version_state import State
from router.acts.act_request import LONGEST_REASON
from tests.router.access.named_tokens import ANA, BOB, keep_tokens, signed_in
from tests.router.router_harness import OPERATOR, RouterHarness, router_harness
from tests.until import until

STEPS = (Step(500), Step(2500), Step(5000))
SEEN = Facts(0.0, "cleo@test", answers_golden_rows=True)


def released(made: RouterHarness) -> None:
    """v2 released after v1, v3 deployed."""
    for name in ("v1", "v2", "v3"):
        made.know(made.version(name))

    made.split({"v1": 10000})
    record(made, decisions.promote(made.ledger, SEEN, "v2"))


def record(made: RouterHarness, plan: tuple) -> int:
    """Perform a plan that is one insert, as the terminal does."""
    (only,) = plan
    return made.record(only.ledger, only.act)


def canary(made: RouterHarness, name: str = "v3") -> int:
    """Begin a canary of a version by hand; returns its revision."""
    made.ledger = newest(made)
    return record(made, decisions.start(made.ledger, SEEN, name, "canary", STEPS))


def newest(made: RouterHarness) -> Ledger:
    """The ledger as it is stored."""
    entry = made.store.newest()
    return from_body(entry.body, entry.revision)


def act(made: RouterHarness, name: str, by: dict = BOB, **fields: object) -> httpx.Response:
    """Ask for an act."""
    return httpx.post(f"{made.url}/acts/{name}", headers=by, json=fields, timeout=120)


@pytest.fixture(scope="module")
def stack(tmp_path_factory):
    """Two router workers; v2 released after v1, v3 deployed."""
    folder = tmp_path_factory.mktemp("acts")
    with router_harness(folder, workers=2) as made:
        keep_tokens(folder)
        released(made)
        made.router()
        yield made


@pytest.fixture
def fresh(stack):
    """The same, with v2 released after v1 again, whatever the test before did."""
    ledger = stack.ledger
    versions = {name: replace(it, state=State.DEPLOYED) for name, it in ledger.versions.items()}
    versions["v2"] = replace(versions["v2"], state=State.RELEASED)
    stack.ledger = replace(newest(stack), versions=MappingProxyType(versions), rollout=None)
    stack.ledger = replace(stack.ledger, released="v2", released_before=("v1",), queued=None)
    stack.split({"v2": 10000}, released="v2")
    return stack


def weights(made: RouterHarness) -> dict[str, int]:
    """Whose traffic it is, by the ledger."""
    split = newest(made).split
    return {name: split.weight(name) for name in ("v1", "v2", "v3") if split.weight(name)}


def test_a_rollout_is_led_by_name_and_each_act_tells_its_command(fresh):
    revision = canary(fresh)
    story = [
        ("pause", {}, "pause", {"v2": 9500, "v3": 500}),
        ("resume", {}, "resume", {"v2": 9500, "v3": 500}),
        ("step", {}, "promote v3 --step", {"v2": 7500, "v3": 2500}),
        ("step", {"version": "v3"}, "promote v3 --step", {"v2": 5000, "v3": 5000}),
        ("promote", {"version": "v3"}, "promote v3", {"v3": 10000}),
        ("rollback", {}, "rollback", {"v2": 10000}),
    ]
    for name, fields, command, after in story:
        done = act(fresh, name, revision=revision, reason="it's fine", **fields)
        assert done.status_code == 200, done.text
        revision += 1
        value = done.json()
        assert (value["revision"], value["changed"], value["actor"]) == (revision, True, "bob")
        assert value["command"] == f"python deploy.py {command} -m 'it'\"'\"'s fine'"
        entry = fresh.store.newest()
        assert (entry.actor, entry.reason, entry.revision) == ("bob", "it's fine", revision)
        assert entry.action == ("promote" if name == "promote" else name)
        assert weights(fresh) == after
        fresh.follows(revision)


def test_what_is_recorded_is_what_the_terminal_would_record(fresh):
    revision = canary(fresh)
    before = newest(fresh)
    for name, by_hand in (
        ("pause", decisions.pause),
        ("step", partial(decisions.promote_step, name="v3")),
        ("rollback", decisions.rollback),
    ):
        done = act(fresh, name, revision=revision).json()
        entry = fresh.store.newest()
        (plan,) = by_hand(before, Facts(entry.at.timestamp(), "bob", answers_golden_rows=True))
        assert (done["summary"], done["undo"]) == (plan.summary, plan.undo)
        recorded = from_body(entry.body, entry.revision)
        assert recorded.split == plan.ledger.split
        assert recorded.versions == plan.ledger.versions
        # As it was before, for the next one.
        fresh.ledger = replace(before, revision=entry.revision)
        revision = fresh.record(fresh.ledger)
        before = newest(fresh)


def test_a_session_acts_from_the_page_with_a_form_too(fresh):
    revision = canary(fresh)
    bob = signed_in(fresh.url, "bob")
    paused = bob.post("/acts/pause", data={"revision": str(revision), "reason": "lunch"})
    assert (paused.status_code, paused.json()["actor"]) == (200, "bob")
    empty = bob.post("/acts/rollback", data={"revision": "", "reason": ""})
    assert (empty.status_code, empty.json()["changed"]) == (200, True)
    assert bob.post("/acts/pause", data={"revision": "x"}).status_code == 400


def test_the_own_token_acts_as_operator_and_a_viewer_does_not_act(fresh):
    revision = canary(fresh)
    ana = signed_in(fresh.url, "ana")
    for refused in (act(fresh, "pause", ANA, revision=revision), ana.post("/acts/rollback")):
        assert refused.status_code == 403
        assert "the token ana may look and not act" in refused.json()["detail"]

    for nobody in ({}, {"Authorization": "Bearer x"}):
        assert act(fresh, "pause", nobody, revision=revision).status_code == 401

    assert newest(fresh).revision == revision
    assert act(fresh, "pause", OPERATOR, revision=revision).json()["actor"] == "operator"
    assert fresh.store.newest().actor == "operator"


@pytest.mark.parametrize("name", ["step", "rollback"])
def test_of_operators_who_click_at_once_one_wins_and_the_others_are_told(fresh, name):
    revision = canary(fresh)
    together = threading.Barrier(8)

    def click(number: int) -> httpx.Response:
        together.wait()
        return act(fresh, name, BOB if number % 2 else OPERATOR, revision=revision)

    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(click, range(8)))

    assert sorted(answer.status_code for answer in answers) == [200, *[409] * 7]
    won = next(answer.json() for answer in answers if answer.status_code == 200)
    for answer in answers:
        if answer.status_code == 409:
            winner = answer.json()["winner"]
            assert (winner["actor"], winner["revision"]) == (won["actor"], revision + 1)
            assert f"{won['actor']} was first" in answer.json()["detail"]

    # One step, and one release back, not one for each click.
    assert newest(fresh).revision == revision + 1
    expected = {"v2": 7500, "v3": 2500} if name == "step" else {"v2": 10000}
    assert weights(fresh) == expected


def test_a_rollback_passes_what_happened_since_and_stops_only_after_another(fresh):
    revision = canary(fresh)
    moved = act(fresh, "step", revision=revision).json()["revision"]
    late = act(fresh, "pause", revision=revision)
    assert (late.status_code, late.json()["winner"]["revision"]) == (409, moved)
    assert act(fresh, "rollback", revision=revision).status_code == 200
    again = act(fresh, "rollback", OPERATOR, revision=revision)
    assert (again.status_code, again.json()["winner"]["act"]) == (409, "rollback")
    assert weights(fresh) == {"v2": 10000}
    # Who has seen that one goes one release further.
    assert act(fresh, "rollback", revision=moved + 1).status_code == 200
    assert weights(fresh) == {"v1": 10000}


def test_a_rollback_needs_no_body(fresh):
    canary(fresh)
    done = httpx.post(f"{fresh.url}/acts/rollback", headers=BOB)
    assert (done.status_code, done.json()["summary"]) == (200, "from v3 to v2")


def test_json_is_json_whatever_curl_calls_it(fresh):
    revision = canary(fresh)
    form = {**BOB, "Content-Type": "application/x-www-form-urlencoded"}
    body = b' {"revision": %d, "reason": "a=b&c"}' % revision
    done = httpx.post(f"{fresh.url}/acts/pause", headers=form, content=body)
    assert (done.status_code, fresh.store.newest().reason) == (200, "a=b&c")


@pytest.mark.parametrize(
    ("name", "fields", "status", "detail"),
    [
        ("pause", {}, 400, "`revision` is missing"),
        ("pause", {"revision": "1"}, 400, "`revision` is the number"),
        ("pause", {"revision": -1}, 400, "`revision` is the number"),
        ("pause", {"revision": True}, 400, "`revision` is the number"),
        ("pause", {"revision": 1.0}, 400, "`revision` is the number"),
        ("pause", {"revision": 2**31}, 400, "`revision` is the number"),
        ("pause", {"revision": 10**6}, 409, "revision 1000000 is not recorded: the newest is"),
        ("pause", {"revision": 1, "version": "v2"}, 400, "unknown field 'version'"),
        ("rollback", {"force": True}, 400, "unknown field 'force'"),
        ("rollback", {"reason": 1}, 400, "`reason` is a text"),
        ("rollback", {"reason": "x" * (LONGEST_REASON + 1)}, 400, "500 are allowed"),
        ("rollback", {"reason": "a\0b"}, 400, "holds a NUL character"),
        ("rollback", {"reason": "\ud800"}, 400, ""),
        ("step", {"revision": 1, "version": "../v2"}, 400, "`version` is no name"),
        ("retire", {"revision": 1}, 404, "there is no such act"),
        ("", {}, 404, "there is no such act"),
    ],
)
def test_anything_else_is_refused_before_it_is_decided(fresh, name, fields, status, detail):
    revision = canary(fresh)
    refused = act(fresh, name, **fields) if fields.get("reason") != "\ud800" else _surrogate(fresh)
    assert refused.status_code == status, refused.text
    assert detail in refused.json()["detail"]
    assert newest(fresh).revision == revision


def _surrogate(made: RouterHarness) -> httpx.Response:
    body = b'{"reason": "\\ud800"}'
    return httpx.post(f"{made.url}/acts/rollback", headers=BOB, content=body)


def test_another_method_is_told(fresh):
    assert httpx.get(f"{fresh.url}/acts/rollback", headers=BOB).status_code == 405
    options = httpx.options(f"{fresh.url}/acts/rollback", headers=BOB)
    assert (options.status_code, options.headers["allow"]) == (204, "POST, OPTIONS")


def test_a_reason_full_of_html_is_kept_as_it_is(fresh):
    canary(fresh)
    reason = "<script>alert('1')</script>\n\x1b[31m" + "é" * 400
    assert act(fresh, "rollback", reason=reason).status_code == 200
    assert fresh.store.newest().reason == reason


def test_what_the_rules_refuse_is_told_with_the_command(fresh):
    revision = newest(fresh).revision
    for name, command in (
        ("step", "promote VERSION --step"),
        ("promote", "promote VERSION"),
        ("pause", "pause"),
        ("resume", "resume"),
        ("abort", "abort"),
    ):
        refused = act(fresh, name, revision=revision)
        assert (refused.status_code, refused.json()["command"]) == (
            409,
            f"python deploy.py {command}",
        )
        assert "no rollout is in progress" in refused.json()["detail"]

    assert newest(fresh).revision == revision


def test_nothing_to_do_is_no_new_revision(fresh):
    revision = canary(fresh)
    assert act(fresh, "resume", revision=revision).json()["changed"] is False
    assert newest(fresh).revision == revision


def test_a_version_without_users_is_promoted_on_the_terminal(fresh):
    fresh.ledger = newest(fresh)
    shadow = decisions.start(fresh.ledger, SEEN, "v3", "shadow")
    revision = record(fresh, shadow)
    fresh.follows(revision)
    for fields in ({}, {"version": "v3"}):
        refused = act(fresh, "promote", revision=revision, **fields)
        assert refused.status_code == 409
        assert "answers no users yet" in refused.json()["detail"]
        assert refused.json()["command"] == "python deploy.py promote v3"

    assert act(fresh, "abort", revision=revision).status_code == 200


def test_a_target_without_a_process_is_started_on_the_terminal(fresh):
    versions = dict(newest(fresh).versions)
    versions["v1"] = replace(versions["v1"], state=State.RETIRED)
    fresh.ledger = newest(fresh)
    revision = fresh.record(replace(fresh.ledger, versions=MappingProxyType(versions)))
    refused = act(fresh, "rollback")
    assert refused.status_code == 409
    assert "`python deploy.py rollback` on the terminal" in refused.json()["detail"]
    assert newest(fresh).revision == revision


@pytest.fixture
def apart(tmp_path):
    """A stack of a test's own; v3 answers its golden rows as TOY_GOLDEN says."""
    with router_harness(tmp_path) as made:
        keep_tokens(tmp_path)
        yield made


def test_a_version_that_does_not_answer_its_golden_rows_is_not_promoted(apart, monkeypatch):
    monkeypatch.setenv("TOY_GOLDEN", "differs")
    released(apart)
    apart.router()
    revision = canary(apart)
    apart.follows(revision)
    for name in ("step", "promote"):
        refused = act(apart, name, revision=revision)
        assert refused.status_code == 409
        assert "(golden.jsonl, line 3: predicts 1)" in refused.json()["detail"]

    assert act(apart, "rollback", revision=revision).status_code == 200


def test_a_rollback_is_behind_no_other_act_no_label_and_no_count(apart, monkeypatch, tmp_path):
    hangs = tmp_path / "hangs"
    hangs.touch()
    monkeypatch.setenv("TOY_GOLDEN", f"hangs {hangs}")
    released(apart)
    apart.router()
    revision = canary(apart)
    apart.follows(revision)
    with (
        locked(tmp_path / "ledger-labels.db"),
        locked(tmp_path / "ledger-evidence.db"),
        ThreadPoolExecutor(6) as threads,
    ):
        waiting = [threads.submit(act, apart, "promote", revision=revision) for _ in range(6)]
        done = act(apart, "rollback", revision=revision)
        assert done.status_code == 200, done.text
        assert not any(other.done() for other in waiting)
        hangs.unlink()
        assert {other.result().status_code for other in waiting} == {409}

    assert weights(apart) == {"v2": 10000}


def test_a_ledger_that_is_away_is_told_with_the_command(apart):
    released(apart)
    apart.router()
    revision = canary(apart)
    with locked(apart.folder / "ledger.db"):
        away = act(apart, "rollback", revision=revision)
        assert (away.status_code, away.json()["command"]) == (503, "python deploy.py rollback")

    assert newest(apart).revision == revision
    assert act(apart, "rollback", revision=revision).status_code == 200


@contextmanager
def locked(path):
    """Hold the write lock of a SQLite file."""
    until(path.exists, str(path))
    with closing(sqlite3.connect(path, isolation_level=None, timeout=60)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield


def test_acts_are_recorded_in_postgresql_too(postgres_url, tmp_path):
    with router_harness(tmp_path, database_url=postgres_url) as made:
        keep_tokens(tmp_path)
        released(made)
        made.router()
        revision = canary(made)
        made.follows(revision)
        assert act(made, "step", revision=revision).status_code == 200
        assert act(made, "step", revision=revision).status_code == 409
        assert act(made, "rollback", revision=revision).status_code == 200
        assert weights(made) == {"v2": 10000}
