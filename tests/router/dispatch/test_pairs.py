"""Both versions of a rollout are asked the same request, for a sample of requests."""

from dataclasses import replace
from itertools import count

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rollout.decide.transitions import stepped
from rollout.state.segments import SegmentColumn
from rollout.verdict.evidence import merged
from rollout.verdict.signals.pairs import FAILED, pairs_by
from router.dispatch.pairs import LONGEST_PAUSE_S, MOST_ROWS
from router.evidence.prediction_id import signature_of
from store.shadow_answers import ShadowAnswer
from tests.router.fakes import NOW, DispatcherHarness, begun, deployed

MODEL_FAILED = ({"row": 0, "status": 500, "detail": "as asked"},)
ROW_AT_FAULT = ({"row": 0, "status": 422, "detail": "as asked"},)
OTHER = {"v1": "v2", "v2": "v1"}
UNITS = count()


@pytest.fixture
def harness():
    return paired()


def paired(ledger=None, **settings):
    made = DispatcherHarness(
        ledger or begun(deployed("v1", "v2")), **{"pairs_per_s": 50.0, **settings}
    )
    made.loop.now += 100.0
    return made


def answers(harness, candidate=(), stable=(), unit=None):
    """Ask once, answer both with these errors (a status: the whole batch), and let time pass."""
    replies = harness.ask(unit)
    while any(version.sent for version in harness.versions.values()):
        for name, errors in (("v2", candidate), ("v1", stable)):
            if harness.versions[name].sent:
                whole = {"status": errors} if isinstance(errors, int) else {"errors": errors}
                harness.versions[name].answer(**whole)
                harness.loop.run()

    harness.loop.now += LONGEST_PAUSE_S
    return replies


def counted(harness, kind="answers", weight=None):
    return harness.counted("v2", weight).get(kind, {})


@pytest.mark.parametrize(
    ("candidate", "stable", "word"),
    [
        ((), (), "both"),
        (MODEL_FAILED, (), "candidate failed"),
        (500, (), "candidate failed"),
        (ROW_AT_FAULT, (), "candidate refused"),
        ((), MODEL_FAILED, "stable failed"),
        ((), ROW_AT_FAULT, "stable refused"),
        (MODEL_FAILED, MODEL_FAILED, "neither"),
        (MODEL_FAILED, ROW_AT_FAULT, "neither"),
        (ROW_AT_FAULT, ROW_AT_FAULT, "neither"),
    ],
)
@pytest.mark.parametrize("drawn", ["v1", "v2"])
def test_a_pair_is_what_both_made_of_a_request_whoever_was_drawn(
    harness, drawn, candidate, stable, word
):
    answers(harness, candidate, stable, harness.unit_of(drawn))
    assert counted(harness) == {word: 1}


def test_a_unit_that_comes_again_makes_a_pair_each_time(harness):
    unit = harness.unit_of("v2")
    for _ in range(5):
        answers(harness, unit=unit)

    assert counted(harness) == {"both": 5}
    assert harness.counted("v1").get("outcomes") == {"copied": 5, "ok": 5}


@pytest.mark.parametrize("drawn", ["v1", "v2"])
@pytest.mark.parametrize("failing", ["v1", "v2"])
def test_each_versions_own_failures_are_counted_whichever_was_drawn(harness, drawn, failing):
    errors = {"candidate": MODEL_FAILED} if failing == "v2" else {"stable": MODEL_FAILED}
    answers(harness, **errors, unit=harness.unit_of(drawn))
    assert harness.counted(failing)["outcomes"]["failed"] == 1
    assert "failed" not in harness.counted(OTHER[failing]).get("outcomes", {})


def test_the_user_waits_for_no_copy_and_is_answered_by_who_was_drawn(harness):
    replies = harness.ask(harness.unit_of("v2"))
    assert len(harness.versions["v1"].sent) == 1
    harness.versions["v2"].answer()
    assert replies[0].version == "v2"
    assert counted(harness) == {}
    harness.versions["v1"].answer()
    assert counted(harness) == {"both": 1}


def test_the_next_pair_begins_when_the_last_one_is_known(harness):
    for _ in range(3):
        harness.ask(harness.unit_of("v1"))
        harness.loop.now += 0.1

    assert len(harness.versions["v2"].sent) == 1
    while harness.versions["v1"].sent:
        harness.versions["v1"].answer()
        harness.loop.run()

    harness.versions["v2"].answer()
    harness.loop.now += LONGEST_PAUSE_S
    harness.ask(harness.unit_of("v1"))
    assert len(harness.versions["v2"].sent) == 1


@pytest.mark.parametrize("how", ["connect", "closed", "timeout"])
@pytest.mark.parametrize("lost", ["v1", "v2"])
@pytest.mark.parametrize("drawn", ["v1", "v2"])
def test_a_half_that_was_lost_on_its_way_makes_no_pair(harness, drawn, lost, how):
    harness.ask(harness.unit_of(drawn))
    for _ in range(4):
        if harness.versions[OTHER[lost]].sent:
            harness.versions[OTHER[lost]].answer()
            harness.loop.run()
        if harness.versions[lost].sent:
            harness.versions[lost].fail(how)
            harness.loop.run()

    assert counted(harness) == {}
    harness.loop.now += 60.0
    answers(harness)
    assert counted(harness) == {"both": 1}


def test_nothing_is_paired_outside_of_a_judged_split():
    for ledger in (
        deployed("v1", "v2"),
        begun(deployed("v1", "v2"), auto=False),
        begun(deployed("v1", "v2"), how="shadow"),
    ):
        harness = paired(ledger)
        harness.ask()
        sent = [len(harness.versions[name].sent) for name in ("v1", "v2")]
        assert sorted(sent) == [0, 1]

    none = paired(pairs_per_s=0.0)
    none.ask(none.unit_of("v1"))
    assert not none.versions["v2"].sent


def test_beside_a_watched_switch_the_old_version_is_asked_the_same(harness):
    switched = paired(begun(deployed("v1", "v2"), how="blue-green"))
    assert switched.traffic.table.rolling.watching
    answers(switched, MODEL_FAILED)
    assert counted(switched, weight=10_000) == {"candidate failed": 1}


def test_a_pinned_request_a_large_one_and_one_beside_a_queue_are_no_pair(harness):
    harness.ask(pin="v2")
    harness.ask(harness.unit_of("v2"), rows=range(MOST_ROWS + 1))
    assert not harness.versions["v1"].sent
    harness.traffic.lanes["v1"].queued_rows = 1_000
    harness.ask(harness.unit_of("v2"))
    assert not harness.versions["v1"].sent


def test_a_callers_own_deadline_ends_its_pair_by_what_comes_later(harness):
    harness.hurry(harness.unit_of("v2"), 0.001)
    harness.loop.now += 0.01
    harness.traffic.expire()
    harness.versions["v1"].answer()
    assert counted(harness) == {}
    harness.versions["v2"].answer(errors=MODEL_FAILED)
    assert counted(harness) == {"candidate failed": 1}


def test_answers_are_compared_with_those_to_the_same_and_to_another_request(harness):
    for row in (1, 2, 3):
        harness.ask(rows=[row])
        for version in harness.versions.values():
            version.answer()
        harness.loop.now += LONGEST_PAUSE_S

    assert counted(harness, "compared") == {"pairs": 3, "nearer same": 2, "timed": 3}


def test_a_class_that_is_left_and_the_one_that_is_entered_are_counted(harness):
    harness.ask(rows=[1])
    _, callback = harness.versions["v2"].sent.pop()
    harness.versions["v2"].sent.append(([0], callback))
    for version in harness.versions.values():
        version.answer()

    assert (counted(harness, "left"), counted(harness, "entered")) == ({"1": 1}, {"0": 1})


def test_the_much_slower_one_of_a_pair_is_counted(harness):
    for slow in ("v2", "v2", "v1"):
        harness.ask()
        harness.versions[OTHER[slow]].answer()
        harness.loop.now += 0.5
        harness.versions[slow].answer()
        harness.loop.now += LONGEST_PAUSE_S

    found = counted(harness, "compared")
    assert (found["timed"], found["candidate slow"], found["stable slow"]) == (3, 2, 1)


def test_versions_whose_predictions_change_something_are_not_asked_beside_another():
    ledger = begun(deployed("v1", "v2"))
    changed = replace(ledger.version("v2"), side_effects=True)
    harness = paired(ledger.with_version(changed))
    harness.ask(harness.unit_of("v1"))
    assert not harness.versions["v2"].sent


@settings(max_examples=50, deadline=None)
@given(
    fates=st.lists(
        st.tuples(
            st.sampled_from(["v1", "v2"]),
            st.sampled_from([(), MODEL_FAILED, ROW_AT_FAULT]),
            st.sampled_from([(), MODEL_FAILED, ROW_AT_FAULT]),
        ),
        max_size=20,
    )
)
def test_swapping_what_the_versions_make_of_requests_swaps_the_evidence(fates):
    """Whoever was drawn: no version is treated otherwise than the other."""
    found = []
    for swapped in (False, True):
        harness = paired()
        for drawn, candidate, stable in fates:
            pair = (stable, candidate) if swapped else (candidate, stable)
            answers(harness, *pair, harness.unit_of(drawn))

        evidence = merged("v2", "v1", [("v2", 2000, harness.counted("v2"))])
        found.append(pairs_by(evidence, FAILED).tolist())

    assert found[0] == found[1][::-1]


# The label of a pair.


@pytest.mark.parametrize("copy_first", [True, False])
@pytest.mark.parametrize("drawn", ["v1", "v2"])
def test_the_answer_that_the_user_did_not_get_waits_for_the_label_of_the_other(
    harness, drawn, copy_first
):
    replies = harness.ask(harness.unit_of(drawn), rows=[1])
    order = [OTHER[drawn], drawn] if copy_first else [drawn, OTHER[drawn]]
    _, callback = harness.versions[OTHER[drawn]].sent.pop()
    harness.versions[OTHER[drawn]].sent.append(([7], callback))
    for name in order:
        harness.versions[name].answer()
        if replies and not replies[0].pair.prediction_id:
            assert replies[0].pair.takes_label
            replies[0].pair.named(b"one")

    number = harness.traffic.table.rolling.number
    kept = ShadowAnswer(signature_of(b"one"), 7.0, "7")
    assert harness.traffic.mirror.kept.take() == {number: [kept]}


@pytest.mark.parametrize("errors", [MODEL_FAILED, ROW_AT_FAULT])
def test_nothing_waits_for_a_label_where_the_other_version_has_no_answer(harness, errors):
    replies = harness.ask(harness.unit_of("v1"))
    harness.versions["v1"].answer()
    replies[0].pair.named(b"one")
    harness.versions["v2"].answer(errors=errors)
    harness.loop.run()
    assert harness.traffic.mirror.kept.take() == {}


def test_a_label_bets_by_the_draw_where_no_more_answers_are_kept(harness):
    harness.traffic.mirror.kept.close(harness.traffic.table.rolling.number)
    replies = harness.ask(harness.unit_of("v1"))
    harness.versions["v1"].answer()
    assert not replies[0].pair.takes_label


@pytest.mark.parametrize(
    ("candidate", "stable", "word"),
    [
        (MODEL_FAILED, (), "worse"),
        (ROW_AT_FAULT, (), "worse"),
        ((), MODEL_FAILED, "better"),
        ((), ROW_AT_FAULT, "better"),
        (MODEL_FAILED, MODEL_FAILED, "neither"),
        ((), (), "both"),
    ],
)
def test_a_pair_counts_in_the_segments_of_its_first_row(candidate, stable, word):
    harness = paired(by_airline())
    ask_about(harness, b'{"airline":"UA","x":1}', b'{"airline":"AA","x":1}')
    answer_both(harness, candidate, stable)
    assert counted(harness, "segments") == {f"airline=UA|{word}": 1, f"month=null|{word}": 1}


def test_answers_that_differ_are_counted_in_their_segments():
    harness = paired(by_airline())
    ask_about(harness, b'{"airline":"ZZ","month":7}')
    answer_both(harness, says=(0, 1))
    assert counted(harness, "segments") == {"airline=other|differs": 1, "month=7|differs": 1}


def test_segments_are_as_many_as_are_listed_whatever_is_sent_and_add_up_to_all_pairs():
    harness = paired(by_airline())
    for n in range(300):
        ask_about(harness, b'{"airline":"%d|both","month":%d}' % (n, n))
        answer_both(harness, *[MODEL_FAILED, ()][:: 1 if n % 2 else -1])

    found = counted(harness, "segments")
    assert len({name.rpartition("|")[0] for name in found}) <= 3
    for column in ("airline", "month"):
        by_column = [count for name, count in found.items() if name.startswith(column)]
        assert sum(by_column) == sum(counted(harness).values()) == 300


def test_a_row_that_cannot_be_read_is_a_pair_of_no_segment():
    harness = paired(by_airline())
    ask_about(harness, b"7")
    answer_both(harness)
    assert (counted(harness), counted(harness, "segments")) == ({"both": 1}, {})


def by_airline():
    """A judged canary of a version with segments."""
    ledger = begun(deployed("v1", "v2"))
    columns = (SegmentColumn("airline", ("AA", "UA")), SegmentColumn("month", ("7",)))
    return ledger.with_version(replace(ledger.version("v2"), segments=columns))


def ask_about(harness, *rows):
    """One request of these rows."""
    raws = list(map(msgspec.Raw, rows))
    harness.send(raws, b"%d" % next(UNITS), False, None, 10.0, lambda _reply: None)
    harness.loop.run()


def answer_both(harness, candidate=(), stable=(), says=(0, 0)):
    """Both versions answer all rows with a number, or with these errors, and time passes."""
    while any(version.sent for version in harness.versions.values()):
        for name, errors, number in (("v2", candidate, says[0]), ("v1", stable, says[1])):
            pool = harness.versions[name]
            if pool.sent:
                rows, callback = pool.sent.pop(0)
                pool.sent.insert(0, ([number] * len(rows), callback))
                pool.answer(errors=errors)
                harness.loop.run()

    harness.loop.now += LONGEST_PAUSE_S


def lost(harness, version, how="timeout"):
    """Ask once; this version's process cannot be asked, the other one answers."""
    harness.ask()
    for _ in range(4):
        if harness.versions[OTHER[version]].sent:
            harness.versions[OTHER[version]].answer()
            harness.loop.run()
        if harness.versions[version].sent:
            harness.versions[version].fail(how)
            harness.loop.run()

    harness.loop.now += LONGEST_PAUSE_S


def outages(harness, version):
    return sum(harness.counted(version).get("outages", {}).values())


@pytest.mark.parametrize("version", ["v1", "v2"])
@pytest.mark.parametrize("how", ["connect", "closed", "timeout"])
def test_an_outage_counts_when_it_begins_as_pairs_meet_it(harness, version, how):
    for _ in range(3):
        lost(harness, version, how)

    assert (outages(harness, version), outages(harness, OTHER[version])) == (1, 0)
    answers(harness)
    harness.loop.now += 60.0
    lost(harness, version, how)
    assert outages(harness, version) == 2


def test_who_has_more_requests_has_no_more_outages_for_that(harness):
    """Lost batches beside pairs count for no version: a busy one has more of them."""
    harness.traffic.pairs.per_second = 0.0
    for _ in range(5):
        lost(harness, "v1")

    assert outages(harness, "v1") == 0


def test_times_are_compared_only_where_neither_version_has_anything_to_do(harness):
    harness.ask(harness.unit_of("v1"), rows=[1])
    for version in harness.versions.values():
        version.answer()

    harness.loop.now += LONGEST_PAUSE_S
    harness.traffic.pairs.per_second, per_second = 0.0, harness.traffic.pairs.per_second
    harness.ask(harness.unit_of("v1"))
    harness.traffic.pairs.per_second = per_second
    harness.ask(harness.unit_of("v1"))
    for _ in range(3):
        for version in harness.versions.values():
            if version.sent:
                version.answer()
                harness.loop.run()

    assert counted(harness)["both"] == 2
    assert counted(harness, "compared")["timed"] == 1


@pytest.mark.parametrize("odd", [[], ["a", "b"], [["a"]]])
def test_an_odd_answer_leaves_users_and_the_batch_as_they_are(harness, odd):
    replies = [harness.ask(harness.unit_of("v1")) for _ in range(3)]
    harness.versions["v2"].sent[0] = ([odd], harness.versions["v2"].sent[0][1])
    harness.versions["v2"].answer()
    while harness.versions["v1"].sent:
        harness.versions["v1"].answer()
        harness.loop.run()

    assert [reply[0].version for reply in replies] == ["v1"] * 3
    assert "pairs" not in counted(harness, "compared")


def test_a_pair_counts_at_the_weight_that_was_in_force_when_it_was_asked():
    ledger = begun(deployed("v1", "v2"))
    harness = paired(ledger)
    harness.ask(harness.unit_of("v1"))
    harness.follow(replace(stepped(ledger, NOW), revision=5))
    harness.versions["v1"].answer()
    harness.versions["v2"].fail("timeout")
    harness.loop.run()
    assert counted(harness, "outcomes", weight=2000) == {"copied": 1, "lost": 1}
    assert counted(harness, "outages", weight=2000)
    assert harness.counted("v2", 5000) == {}
