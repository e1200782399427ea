"""One process conducts: every step once, whoever takes it, whatever becomes of processes, clocks
and the database.
"""

import json
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from hashlib import blake2b

import msgspec
import pytest

from rollout.decide.actions import RecordRevision
from rollout.decide.decisions import Facts, abort, pause, resume
from rollout.decide.transitions import stepped
from rollout.settings import Settings
from rollout.state.classes import Answers
from rollout.state.ledger import Ledger, Step, from_body
from rollout.state.signal_settings import Labels
from rollout.verdict.evidence_snapshot import FAILED, LOSS, REFERENCE
from router.control import controller as controller_module
from router.control.controller import Controller, SteadyClock
from router.dispatch.routing_table import table_of
from router.dispatch.work_items import Predicted
from router.endpoints.feedback import FeedbackEndpoint as Feedbacks
from router.evidence.evidence_counters import EvidenceByWeight
from router.evidence.labels import LabelContext, in_parts
from router.evidence.prediction_id import SignedPrediction, sign, signature_of
from router.evidence.prediction_values import UNKNOWN
from router.evidence.worker_metrics import WorkerMetrics
from router.shadow.shadow_buffer import ShadowBuffer
from store.engine import engine
from store.evidence import EvidenceRow
from store.feedback import Feedback
from store.leases import Lease
from store.ledger import LedgerStore
from store.shadow_answers import ShadowAnswer
from tests.router.fakes import NOW, begun, deployed
from tests.until import until

KEY = b"a key of sixteen or more"
EASY = {"step_requests": 10}
HISTORY = {"finished": {"ok": 500}, "waits": {"80": 500}}


class Stage:
    """A record with a rollout in it, a clock that is set, and controllers."""

    def __init__(self, url):
        self.url, self.now = url, NOW
        self.engines = [engine(url)]
        self.store = LedgerStore(self.engines[0], "toy")
        self.store.create()

    def record(self, ledger, act="test", actor="ann"):
        self.store.append(ledger.revision, ledger.to_body(), act, actor, "", datetime.now(UTC))
        return ledger

    def begin(self, **options):
        """Everything up to a rollout's begin."""
        for revision in (1, 2):
            self.record(Ledger(model="toy", revision=revision))
        return self.record(begun(self.record(deployed("v1", "v2")), **options))

    def controller(self, clock=True):
        """One more process's controller, with connections of its own."""
        self.engines.append(engine(self.url))
        return Controller(
            self.engines[-1], "toy", EvidenceByWeight(), (lambda: self.now) if clock else None
        )

    def ledger(self):
        newest = self.store.newest()
        return from_body(newest.body, newest.revision)

    def tick(self, controller, times=1):
        for _ in range(times):
            controller.tick(self.ledger())
        return self.acts()

    def acts(self):
        """What controllers did, oldest first."""
        return [
            entry.action for entry in reversed(self.store.history()) if entry.actor == "conductor"
        ]


@pytest.fixture(params=["sqlite", "postgresql"])
def both(request, tmp_path):
    """On each database."""
    url = (
        request.getfixturevalue("postgres_url")
        if request.param == "postgresql"
        else f"sqlite:///{tmp_path}/l.db"
    )
    yield from _stage(url)


@pytest.fixture
def stage(tmp_path):
    yield from _stage(f"sqlite:///{tmp_path}/l.db")


def _stage(url):
    made = Stage(url)
    yield made
    for each in made.engines:
        each.dispose()


@pytest.fixture
def quick_lease(monkeypatch):
    """A lease that nobody renews is free soon."""
    monkeypatch.setattr(controller_module, "LEASE_S", 0.05)


def serve(controller, ledger, version="v2", ok=0, error=0, timing=0):
    """This worker counts requests of a version at the present weight."""
    tally = controller.tallies.of(table_of(ledger), version)
    tally.drawn += ok + error
    tally.finished["ok"] += ok
    tally.finished["error"] += error
    tally.timing[0] = tally.timing.get(0, 0) + timing


def serve_both(controller, ledger, requests):
    """As many requests as both get of so many by the candidate's share, all answered well."""
    mine = requests * ledger.weight("v2") // 10_000
    serve(controller, ledger, "v2", ok=mine, timing=40)
    serve(controller, ledger, "v1", ok=requests - mine)


def test_a_canary_goes_from_its_first_share_to_its_release(both):
    ledger = both.begin(**EASY)
    controller = both.controller()
    serve_both(controller, ledger, 5_000)
    assert both.tick(controller) == [], "the step has its time"
    both.now += 10.0
    assert both.tick(controller) == ["step"]
    serve_both(controller, both.ledger(), 5_000)
    assert both.tick(controller) == ["step"], "the last step has its time too"
    both.now += 10.0
    assert both.tick(controller) == ["step", "promote"]
    assert (both.ledger().released, both.ledger().rollout) == ("v2", None)
    assert both.store.newest().body["verdict"]["word"] == "pass"
    assert both.store.verify() == 6


def test_a_step_needs_its_time_and_its_requests(stage):
    ledger = stage.begin(step_requests=50)
    controller = stage.controller()
    stage.now += 1000.0
    serve(controller, ledger, "v2", ok=49)
    serve(controller, ledger, "v1", ok=200)
    assert stage.tick(controller) == []
    serve(controller, ledger, "v2", ok=1)
    assert stage.tick(controller) == ["step"]


def test_a_failing_candidate_goes_back_and_the_numbers_are_kept(both):
    ledger = both.begin()
    controller = both.controller()
    serve(controller, ledger, "v2", ok=30, error=30)
    serve(controller, ledger, "v1", ok=240)
    assert both.tick(controller) == ["rollback"]
    newest = both.store.newest()
    assert both.ledger().split.weights() == {"v1": 10_000}
    assert newest.body["verdict"]["word"] == "fail"
    assert "errors: 30 of 60 counted requests failed" in newest.reason


@pytest.mark.parametrize("act", [pause, lambda ledger, facts: _held(ledger)])
def test_a_rollback_waits_neither_for_a_pause_nor_for_a_hold(stage, act):
    ledger = stage.begin()
    (record,) = act(ledger, Facts(NOW, "ann"))
    stage.record(record.ledger)
    controller = stage.controller()
    serve_both(controller, ledger, 5_000)
    assert stage.tick(controller) == []
    serve(controller, ledger, "v2", error=200)
    assert stage.tick(controller) == ["rollback"]


def _held(ledger):
    return (
        RecordRevision(
            replace(ledger, rollout=replace(ledger.running(), held=("prediction",))).next(),
            "hold",
            "",
            "",
        ),
    )


def test_a_paused_rollout_takes_no_step_and_goes_on_with_the_time_that_was_left(stage):
    ledger = stage.begin(**EASY)
    controller = stage.controller()
    serve_both(controller, ledger, 5_000)
    stage.now += 6.0
    (record,) = pause(ledger, Facts(stage.now, "ann"))
    stage.record(record.ledger)
    stage.now += 100.0
    assert stage.tick(controller) == []
    (record,) = resume(stage.ledger(), Facts(stage.now, "ann"))
    stage.record(record.ledger)
    stage.now += 3.0
    assert stage.tick(controller) == []
    stage.now += 1.5
    assert stage.tick(controller) == ["step"]


def test_a_deadline_holds_it_and_a_person_may_let_it_go_on(stage):
    stage.begin(deadline_s=60.0)
    controller = stage.controller()
    stage.now += 60.0
    assert stage.tick(controller, 3) == ["hold"]
    assert stage.ledger().running().held == ("deadline",)
    (record,) = resume(stage.ledger(), Facts(stage.now, "ann"))
    stage.record(record.ledger)
    assert stage.tick(controller, 3) == ["hold"]


def test_a_deadline_goes_back_where_that_is_the_plan(stage):
    stage.begin(deadline_s=60.0, undecided="rollback")
    controller = stage.controller()
    stage.now += 60.0
    assert stage.tick(controller) == ["rollback"]


def test_a_fixed_split_of_users_never_moves_but_back(stage):
    ledger = stage.begin(how="ab", steps=(Step(5000),), deadline_s=60.0)
    controller = stage.controller()
    serve_both(controller, ledger, 100_000)
    stage.now += 1e6
    assert stage.tick(controller, 5) == []
    serve(controller, ledger, "v2", error=5_000)
    assert stage.tick(controller) == ["rollback"]


def test_a_judged_ramp_follows_the_clock_and_goes_back_on_evidence(stage):
    steps = (Step(2000, 10.0), Step(6000, 10.0), Step(10_000))
    stage.begin(how="ramp", steps=steps)
    controller = stage.controller()
    stage.now += 10.0
    assert stage.tick(controller, 2) == ["step"]
    serve(controller, stage.ledger(), "v2", error=500)
    serve(controller, stage.ledger(), "v1", ok=500)
    assert stage.tick(controller) == ["step", "rollback"]


@pytest.mark.parametrize("how", ["blue-green", "release-in-place"])
def test_a_watched_switch_is_released_after_its_time_with_its_proof(stage, how):
    ledger = stage.begin(how=how, watch_s=20.0)
    controller = stage.controller()
    tally = controller.tallies.of(table_of(ledger), "v2")
    serve(controller, ledger, "v2", ok=2000, timing=40)
    assert stage.tick(controller) == []
    stage.now += 20.0
    assert stage.tick(controller) == [], "no answer of both was seen yet"
    tally.answers = {"both": 2000}
    assert stage.tick(controller) == ["promote"]
    assert stage.ledger().rollback_target() == "v1"


@pytest.mark.parametrize("how", ["blue-green", "release-in-place"])
def test_a_watched_switch_goes_back_when_only_the_old_version_answers(stage, how):
    ledger = stage.begin(how=how)
    controller = stage.controller()
    controller.tallies.of(table_of(ledger), "v2").answers = {"both": 100, "candidate failed": 40}
    assert stage.tick(controller) == ["rollback"]
    assert stage.ledger().split.weights() == {"v1": 10_000}
    assert stage.ledger().released == "v1"


def test_a_shadow_ends_with_its_proof_and_no_user_has_met_it(stage):
    ledger = stage.begin(how="shadow")
    controller = stage.controller()
    tally = controller.tallies.of(table_of(ledger), "v2")
    tally.copies, tally.control = {"agree": 1800}, {"agree": 200}
    serve(controller, ledger, timing=40)
    assert stage.tick(controller) == ["end"]
    assert (stage.ledger().released, stage.ledger().split.weights()) == ("v1", {"v1": 10_000})


def test_late_labels_flag_what_was_released_once(stage):
    ledger = stage.begin(**EASY)
    number = ledger.running().number
    controller = stage.controller()
    serve_both(controller, ledger, 5_000)
    stage.now += 10.0
    stage.tick(controller)
    serve_both(controller, stage.ledger(), 5_000)
    stage.now += 10.0
    assert stage.tick(controller) == ["step", "promote"]
    _label(controller, number, weight=5000, wrong={"v2": 300, "v1": 20}, of=400)
    assert stage.tick(controller, 25) == ["step", "promote", "flag"]
    assert stage.ledger().flagged
    assert stage.ledger().released == "v2"


def test_late_labels_of_a_rollout_in_progress_send_it_back(stage):
    ledger = stage.begin()
    controller = stage.controller()
    _label(controller, ledger.running().number, weight=5000, wrong={"v2": 180, "v1": 40}, of=200)
    assert stage.tick(controller) == ["rollback"]
    assert "labels" in stage.store.newest().reason


def test_the_usual_loss_is_that_of_the_stable_versions_labels_from_before(both):
    ledger, controller = both.begin(), both.controller()
    _label(controller, 0, weight=0, wrong={"v1": 20, "v9": 900}, of=1_000)
    controller.evidence.flush("earlier", 1, [EvidenceRow("released", "v1", 10_000, HISTORY)])
    both.tick(controller)
    (mark,) = controller.evidence.marks(ledger.running().id).values()
    assert mark["reference"]["loss"] == pytest.approx(21 / 1_002)


def test_labels_from_before_lose_by_the_loss_of_the_rollout(stage):
    ledger = stage.begin(labels=Labels(loss="absolute", bound=2.0))
    controller = stage.controller()
    _label(controller, 0, weight=0, wrong={"v1": 200}, of=200)
    controller.evidence.flush("earlier", 1, [EvidenceRow("released", "v1", 10_000, HISTORY)])
    stage.tick(controller)
    mark = controller.evidence.marks(ledger.running().id)[REFERENCE]
    assert mark["reference"]["loss"] == pytest.approx(0.375, rel=0.01)


def test_without_labels_from_before_the_usual_loss_is_that_of_the_first_hundred(both):
    number, controller = both.begin().running().number, both.controller()
    rollout = both.ledger().running().id
    _label(controller, number, weight=5_000, wrong={"v1": 5, "v2": 5}, of=49)
    assert both.tick(controller) == []
    assert LOSS not in controller.evidence.marks(rollout)
    _label(controller, number, weight=5_000, wrong={"v1": 60, "v2": 60}, of=600)
    assert both.tick(controller) == []
    mark = controller.evidence.marks(rollout)[LOSS]
    tallies = [tally["labels"] for _, _, tally in mark["since"]["tallies"]]
    assert sum(sum(counts.values()) for counts in tallies) == 100
    assert 0 < mark["loss"] < 0.5
    both.tick(controller)
    assert controller.evidence.marks(rollout)[LOSS] == mark


@pytest.mark.parametrize(("worse", "lost"), [("v2", 16), ("v1", -16)])
def test_a_label_of_a_pair_speaks_of_both_answers_whichever_the_user_got(stage, worse, lost):
    number = stage.begin().running().number
    kept, controller = ShadowBuffer(), stage.controller()
    controller.kept = kept
    known = LabelContext(lambda _: Answers("classification", (0, 1), True), lambda _: Labels())
    labels = Feedbacks(
        *(controller.labels, controller.copies, WorkerMetrics(), KEY, Settings("toy"), known),
        frozenset,
        lambda: False,
    )
    tokens, users = [], {"v1": "v2", "v2": "v1"}
    for serial, (version, other) in enumerate([*users.items()] * 20):
        right = version != worse
        made = SignedPrediction(
            *(version, 500, 1500, serial, [float(right)], [str(int(right))], number, 1, True),
            paired=True,
        )
        tokens.append(sign(made, KEY))
        raw = msgspec.Raw(b"[0.9,0.1]" if other == worse else b"[0.1,0.9]")
        answer = Predicted([raw], [], b"[0,1]")
        kept.keep_other_answer(number, tokens[-1], 1, answer, UNKNOWN)

    stage.tick(controller)
    entries = [json.dumps({"prediction_id": each.decode(), "label": 1}) for each in tokens]
    for part in in_parts([entry.encode() for entry in entries], KEY, datetime.now(UTC), known):
        labels.add(part.rows)

    (pair,) = controller.labels.pairs(number, "v2", "v1")
    assert (pair[0] - pair[1], pair[2]) == (lost, 40)
    assert {weight for _, weight, *_ in controller.labels.levels(number)} == {0}
    back = ["rollback"] if worse == "v2" else []
    assert stage.tick(controller) == back


def test_what_a_shadow_answered_meets_the_label_of_what_the_user_got(stage):
    ledger = stage.begin(how="shadow")
    number = ledger.running().number
    kept, controller = ShadowBuffer(), stage.controller()
    controller.kept = kept
    known = LabelContext(lambda _: Answers("classification", (0, 1), True), lambda _: Labels())
    stores, kept_ones = (controller.labels, controller.copies), frozenset
    labels = Feedbacks(
        *stores, WorkerMetrics(), KEY, Settings("toy"), known, kept_ones, lambda: False
    )
    tokens = [shadowed(number, serial) for serial in range(50)]
    for token in tokens:
        kept.add(number, ShadowAnswer(signature_of(token.encode()), 0.3, "0"))

    assert stage.tick(controller) == []
    entries = [json.dumps({"prediction_id": token, "label": 1}).encode() for token in tokens]
    for part in in_parts(entries, KEY, datetime.now(UTC), known):
        labels.add(part.rows)

    assert controller.labels.pairs(number, "v2", "v1") == [(16, 0, 50)]
    assert stage.tick(controller) == ["rollback"]
    assert "labels: 50 worse, 0 worse on v1" in stage.store.newest().reason


def shadowed(number, serial):
    """The id of an answer of v1, while another version got copies."""
    return sign(
        SignedPrediction("v1", 0, 1500, serial, [0.9], ["1"], number, 1, True), KEY
    ).decode()


def _label(controller, number, weight, wrong, of):
    """So many labels of each version, some of them wrong; ids in no order, as signatures are."""
    at = datetime.now(UTC)
    controller.labels.add(
        [
            Feedback(
                blake2b(f"{version}-{n}".encode(), digest_size=12).hexdigest(),
                version,
                0.8,
                "1",
                "0" if n < bad else "1",
                "wrong",
                at,
                number,
                weight,
                True,
                16 if n < bad else 0,
            )
            for version, bad in wrong.items()
            for n in range(of)
        ]
    )


# Two at once.


class Anybody:
    """A lease that everybody holds, as for a moment when a holder that was halted wakes."""

    def look(self):
        return None

    def take(self, seen, holder):
        return Lease(holder, 1)

    def renew(self, lease):
        return lease


def test_two_that_both_conduct_take_every_step_once(both):
    steps = (*(Step(1000 * n, 1.0) for n in range(1, 10)), Step(10_000))
    both.begin(how="ramp", steps=steps)
    controllers = [both.controller(), both.controller()]
    for controller in controllers:
        controller.leases = Anybody()

    for _ in steps:
        both.now += 1.0
        ledger, start = both.ledger(), threading.Barrier(2)

        def tick(controller, ledger=ledger, start=start):
            start.wait(300)
            controller.tick(ledger)

        with ThreadPoolExecutor(2) as threads:
            list(threads.map(tick, controllers))

    assert both.acts() == ["step"] * (len(steps) - 1)
    assert both.ledger().released == "v2"
    both.store.verify()


def test_of_two_workers_one_conducts_and_both_hand_in_their_counts(both):
    ledger = both.begin(step_requests=100)
    one, other = both.controller(), both.controller()
    both.now += 10.0
    for controller in (one, other):
        serve(controller, ledger, "v2", ok=60)
        serve(controller, ledger, "v1", ok=240)

    other.flush()
    assert both.tick(one) == ["step"]
    both.tick(other)
    assert [controller.lease is not None for controller in (one, other)] == [True, False]
    assert both.acts() == ["step"]


def test_a_lease_that_nobody_renews_is_taken_over_and_the_rollout_goes_on(both, quick_lease):
    ledger = both.begin(**EASY)
    killed, follower = both.controller(), both.controller()
    serve_both(killed, ledger, 5_000)
    both.now += 10.0
    assert both.tick(killed) == ["step"]
    until(lambda: both.tick(follower) and follower.lease, "the lease is taken over")
    serve_both(follower, both.ledger(), 5_000)
    both.now += 10.0
    assert both.tick(follower) == ["step", "promote"]


def test_who_was_halted_and_wakes_learns_that_it_conducts_no_more(both, quick_lease):
    both.begin()
    halted, follower = both.controller(), both.controller()
    both.tick(halted)
    until(lambda: both.tick(follower) or follower.lease, "the lease is taken over")
    both.tick(halted)
    assert halted.lease is None


def test_a_lease_that_is_renewed_is_never_taken_over(stage, quick_lease):
    stage.begin()
    holder, follower = stage.controller(), stage.controller()
    stage.tick(holder)
    over = time.monotonic() + 0.3
    while time.monotonic() < over:
        stage.tick(holder)
        stage.tick(follower)
        assert follower.lease is None

    assert holder.lease is not None


# What is frozen.


def test_what_is_frozen_is_frozen_once_also_by_the_next_conductor(both, quick_lease):
    ledger = both.begin()
    one, other = both.controller(), both.controller()
    serve(one, ledger, "v2", ok=250)
    serve(one, ledger, "v1", ok=1000)
    one.tallies.of(table_of(ledger), "v1").waits[100] = 1000
    both.tick(one)
    before = one.evidence.marks(ledger.running().id)
    assert set(before) == {REFERENCE, "restart-250"}
    serve(other, ledger, "v2", ok=100)
    other.tallies.of(table_of(ledger), "v1").waits[120] = 5000
    until(lambda: both.tick(other) or other.lease, "the lease is taken over")
    both.tick(other)
    assert other.evidence.marks(ledger.running().id) == before


def test_a_failure_once_found_is_not_forgotten_by_the_next_conductor(stage, quick_lease):
    """It was found, and its finder was killed before it could go back."""
    ledger = stage.begin()
    killed, follower = stage.controller(), stage.controller()
    killed.evidence.mark(ledger.running().id, FAILED, {"because": ["errors"]})
    serve_both(follower, ledger, 50_000)
    assert stage.tick(follower) == ["rollback"]
    assert "errors" in stage.store.newest().reason


def test_the_history_of_the_stable_version_is_what_is_normal(stage):
    for revision in (1, 2):
        stage.record(Ledger(model="toy", revision=revision))

    before = stage.record(deployed("v1", "v2"))
    controller = stage.controller()
    tally = controller.tallies.of(table_of(before), "v1")
    tally.finished["ok"], tally.classes, tally.waits = (
        1000,
        {"late": 250, "on time": 750},
        {100: 1000},
    )
    stage.tick(controller)
    ledger = stage.record(begun(before))
    stage.tick(controller)
    reference = controller.evidence.marks(ledger.running().id)[REFERENCE]["reference"]
    assert dict(reference["classes"])["late"] == pytest.approx(0.25, abs=0.01)


# What goes wrong.


def test_while_the_database_is_away_nothing_is_raised_and_what_is_due_is_done_after_it(
    postgres_server, postgres_url
):
    for stage in _stage(postgres_url):
        ledger = stage.begin(**EASY)
        controller = stage.controller()
        stage.tick(controller)
        postgres_server.stop()
        try:
            serve(controller, ledger, "v2", ok=30, error=30)
            serve(controller, ledger, "v1", ok=240)
            controller.tick(ledger)
            controller.tick(ledger)
        finally:
            postgres_server.start()
        until(lambda stage=stage, controller=controller: stage.tick(controller), "it goes back")
        assert stage.acts() == ["rollback"]
        assert stage.store.newest().body["verdict"]["candidate_requests"] == 60


def test_a_follower_does_not_take_over_for_the_time_in_which_nobody_could_renew(
    postgres_server, postgres_url
):
    for stage in _stage(postgres_url):
        ledger = stage.begin()
        holder, follower = stage.controller(), stage.controller()
        stage.tick(holder)
        stage.tick(follower)
        began = time.monotonic()
        postgres_server.stop()
        try:
            while time.monotonic() - began < controller_module.LEASE_S + 0.5:
                follower.tick(ledger)
        finally:
            postgres_server.start()
        until(lambda stage=stage: stage.ledger(), "it answers")
        stage.tick(follower)
        assert follower.lease is None
        stage.tick(holder)
        assert holder.lease is not None


def test_evidence_that_cannot_be_read_ends_nobody(stage, caplog):
    ledger = stage.begin()
    controller = stage.controller()
    broken = EvidenceRow(ledger.running().id, "v2", 2000, {"finished": {"ok": "many"}})
    controller.evidence.flush("somebody", 1, [broken])
    stage.tick(controller, 2)
    assert "the rollout was not controlled" in caplog.text
    assert controller.lease is not None
    controller.evidence.flush("somebody", 2, [replace(broken, body={"finished": {"ok": 0}})])
    serve(controller, ledger, "v2", error=60)
    serve(controller, ledger, "v1", ok=240)
    assert stage.tick(controller) == ["rollback"]


def test_a_step_of_an_older_revision_than_the_record_has_is_not_taken(stage):
    ledger = stage.begin(**EASY)
    controller = stage.controller()
    serve_both(controller, ledger, 5_000)
    stage.now += 10.0
    (record,) = abort(ledger)
    stage.record(record.ledger)
    controller.tick(ledger)
    assert stage.acts() == []
    assert stage.ledger().rollout is None


def test_a_clock_that_jumps_moves_nothing(stage, monkeypatch):
    steps = (Step(2000, 600.0), Step(10_000))
    began = begun(deployed("v1", "v2"), how="ramp", steps=steps)
    real = time.time()
    stage.begin(how="ramp", steps=steps)
    on_time = replace(began.running(), step_since=real, started_at=real)
    stage.record(replace(began, rollout=on_time, revision=5))
    controller = stage.controller(clock=False)
    for jump in (86_400.0, -86_400.0, 1e9):
        monkeypatch.setattr(time, "time", lambda jump=jump: real + jump)
        assert stage.tick(controller) == []

    stage.record(replace(began, rollout=replace(on_time, step_since=real - 600.0), revision=6))
    monkeypatch.setattr(time, "time", lambda: 0.0)
    assert stage.tick(controller) == ["step"]


def test_the_steady_clock_tells_the_time(monkeypatch):
    clock = SteadyClock()
    assert clock() == pytest.approx(time.time(), abs=1.0)
    first = clock()
    monkeypatch.setattr(time, "time", lambda: 0.0)
    assert clock() >= first


def test_how_near_a_decision_is_can_be_measured_where_it_is_conducted(stage):
    ledger = stage.begin()
    one, other = stage.controller(), stage.controller()
    assert one.gauges() == {}
    serve(one, ledger, "v2", ok=10, error=1)
    serve(one, ledger, "v1", ok=40)
    stage.tick(one)
    stage.tick(other)
    assert 0 < one.gauges()["verdict", "all"] < 1
    assert {name for _, name in one.gauges()} >= {"all", "errors", "latency", "labels"}
    assert other.gauges() == {}


def test_a_step_taken_by_a_person_is_gone_on_from(stage):
    ledger = stage.begin(**EASY)
    stage.record(replace(stepped(ledger, NOW), revision=5))
    controller = stage.controller()
    serve_both(controller, stage.ledger(), 10_000)
    assert stage.tick(controller) == []
    stage.now += 10.0
    assert stage.tick(controller) == ["promote"]
    assert Counter(stage.acts()) == {"promote": 1}
