"""An id carries what late feedback needs; an older one, which carries less, is still read."""

from base64 import urlsafe_b64decode, urlsafe_b64encode

import msgspec
import pytest

from rollout.history.worker_counts import OTHER_CLASSES
from rollout.state.classes import MOST_CHARACTERS, MOST_CLASSES, answers_of
from router.dispatch.dispatcher import Draw
from router.dispatch.work_items import Predicted
from router.evidence.evidence_counters import EvidenceCounters
from router.evidence.prediction_counters import MOST_ROWS_IN_AN_ID, Outcomes
from router.evidence.prediction_id import (
    LONGEST,
    SIGNATURE_BYTES,
    BadToken,
    SignedPrediction,
    _signature,
    read,
    sign,
)
from router.evidence.prediction_values import UNKNOWN
from router.evidence.worker_metrics import WorkerMetrics, split_keys

KEY = b"a key of sixteen or more"


class Noted:
    """The id of one answer, and the tally it was counted in."""

    def __init__(
        self,
        *predictions,
        own=True,
        tally=True,
        classes=b"[0,1]",
        number=4,
        weight=500,
        unit=b"anna",
        answers=UNKNOWN,
        paired=False,
    ):
        self.tally = EvidenceCounters()
        raws = [msgspec.Raw(each) for each in predictions]
        draw = Draw("v2", "serving", self.tally if tally else None, number, weight)
        outcomes = Outcomes(WorkerMetrics(), KEY, lambda: 1.5, lambda _: answers)
        answer = Predicted(raws, [], classes)
        self.id = outcomes.note("v2", answer, draw, own, unit, paired).decode()
        self.says = read(self.id, KEY)


def test_an_id_says_in_which_rollout_and_at_which_weight_it_was_routed():
    says = Noted(b"[0.2,0.8]").says
    assert (says.version, says.rollout, says.weight, says.bets) == ("v2", 4, 500, True)
    assert (says.scores, says.classes, says.at_ms) == ([0.8], ["1"], 1500)


def test_an_id_tells_units_apart_and_does_not_hold_them():
    one, same, other = Noted(b"1.0"), Noted(b"2.0"), Noted(b"1.0", unit=b"bert")
    assert one.says.unit == same.says.unit != other.says.unit
    assert b"anna" not in msgspec.msgpack.encode(one.says)


@pytest.mark.parametrize(
    ("changes", "bets"), [({}, True), ({"own": False}, False), ({"tally": False}, False)]
)
def test_only_the_answer_of_the_version_that_was_drawn_and_counted_bets(changes, bets):
    noted = Noted(b"[0.2,0.8]", **changes)
    assert noted.says.bets is bets
    assert noted.tally.classes == ({"1": 1} if bets else {})


@pytest.mark.parametrize(
    ("changes", "bets"), [({}, True), ({"tally": False}, True), ({"own": False}, False)]
)
def test_an_answer_of_a_pair_bets_also_where_its_unit_came_before(changes, bets):
    says = Noted(b"[0.2,0.8]", paired=True, **changes).says
    assert (says.bets, says.paired, says.weight) == (bets, True, 500)
    assert not Noted(b"[0.2,0.8]", **changes).says.paired


def test_the_first_row_alone_counts_in_the_verdict():
    assert Noted(b"[0.2,0.8]", b"[0.9,0.1]", b"[0.9,0.1]").tally.classes == {"1": 1}
    assert sum(Noted(b"2.0", b"3.0", classes=b"null").tally.values.values()) == 1


def test_an_id_of_many_rows_has_the_first_one_alone_which_bets():
    says = Noted(*[b"[0.2,0.8]"] * (MOST_ROWS_IN_AN_ID + 1)).says
    assert (says.scores, says.classes, says.bets, says.rows) == (
        [0.8],
        ["1"],
        True,
        MOST_ROWS_IN_AN_ID + 1,
    )
    assert len(Noted(*[b"[0.2,0.8]"] * MOST_ROWS_IN_AN_ID).id) < LONGEST


def test_an_id_of_long_class_names_is_short_enough_to_be_sent_back():
    name = "x" * 600
    noted = Noted(*[b'"%s"' % name.encode()] * 8, classes=b"null")
    assert (noted.says.classes, noted.says.rows) == ([name], 8)
    assert len(noted.id) < LONGEST
    assert Noted(b'"%s"' % (b"x" * 2_000), classes=b"null").says.classes == []


def test_a_class_of_floats_is_a_class_and_a_value_of_whole_numbers_a_value():
    floats = answers_of("classification", [0.0, 1.0], "predict")
    noted = Noted(b"1.0", b"0.0", classes=b"null", answers=floats)
    assert (noted.says.classes, noted.says.scores) == (["1", "0"], [1.0, 0.0])
    assert noted.tally.classes == {"1": 1}
    noted = Noted(b"3", classes=b"null", answers=answers_of("regression", None, "predict"))
    assert (noted.says.classes, noted.says.scores, noted.tally.classes) == ([""], [3.0], {})


def test_an_id_from_before_there_were_rollouts_is_read_and_does_not_bet():
    payload = msgspec.msgpack.encode(["v1", 10_000, 1500, 7, [0.8], ["1"]])
    token = urlsafe_b64encode(payload + _signature(payload, KEY)).rstrip(b"=").decode()
    assert read(token, KEY) == SignedPrediction("v1", 10_000, 1500, 7, [0.8], ["1"], 0, 0, False)


def test_an_id_that_claims_to_bet_is_refused_unless_it_was_signed_so():
    honest = SignedPrediction("v2", 500, 1500, 7, [0.8], ["1"], 4, 1, False)
    claimed = msgspec.msgpack.encode(msgspec.structs.replace(honest, bets=True))
    signed = sign(honest, KEY).decode()
    signature = urlsafe_b64decode(signed + "=" * (-len(signed) % 4))[-SIGNATURE_BYTES:]
    with pytest.raises(BadToken, match="not signed here"):
        read(urlsafe_b64encode(claimed + signature).decode(), KEY)


def classes_counted(*names):
    counts = WorkerMetrics()
    outcomes = Outcomes(counts, KEY)
    for name in names:
        answer = Predicted([msgspec.Raw(msgspec.json.encode(name))], [], b"null")
        outcomes.note("v2", answer, Draw("v2", "serving", None, 4, 500), True, b"anna")

    return {key: n for key, n in split_keys(counts.flat()).items() if key[0] == "predictions"}


def test_a_model_that_answers_a_text_of_its_own_to_each_row_makes_no_endless_table():
    counted = classes_counted("late", *(f"text {number}" for number in range(5_000)), "late")
    assert len(counted) == MOST_CLASSES + 1
    assert counted["predictions", "v2", "late"] == 2
    assert counted["predictions", "v2", OTHER_CLASSES] == 5_001 - MOST_CLASSES


def test_classes_of_long_names_are_fewer():
    counted = classes_counted(*(f"{number}{'x' * 30_000}" for number in range(50)), "late")
    assert sum(len(name) for _, _, name in counted) < MOST_CHARACTERS + 100
    assert sum(counted.values()) == 51


@pytest.mark.parametrize("name", ["a\x1fb", "\x1f", "a\x1f"])
def test_a_class_with_the_sign_between_keys_is_one_class(name):
    assert list(classes_counted(name, name).values()) == [2]
    assert {len(key) for key in classes_counted(name)} == {3}
