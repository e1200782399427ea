"""What a shadow answered waits for a label: of the newest rollout alone, and never more than there
is room for.
"""

import pytest

from store import Unstorable
from store.shadow_answers import ShadowAnswer, ShadowAnswerStore

ANSWERS = [ShadowAnswer(f"p{n}", n / 100, str(n % 2)) for n in range(20)]


@pytest.fixture
def copies(opened, ledger):
    return ShadowAnswerStore(opened, "flights")


def test_what_was_kept_is_found_by_the_id_of_the_users_answer(copies):
    copies.keep(7, ANSWERS)
    copies.keep(7, [ShadowAnswer("value", None, "")])
    assert copies.of(["p3", "none", "value"]) == {
        "p3": ANSWERS[3],
        "value": ShadowAnswer("value", None, ""),
    }
    assert copies.of([]) == {}


def test_thousands_are_asked_for_at_once(copies):
    many = [ShadowAnswer(f"p{n}", 0.5, "1") for n in range(2_500)]
    copies.keep(7, many)
    assert copies.of([each.prediction_id for each in many]) == {
        each.prediction_id: each for each in many
    }


def test_what_was_kept_first_stands(copies):
    copies.keep(7, [ShadowAnswer("p1", 0.5, "1")])
    copies.keep(7, [ShadowAnswer("p1", 0.9, "0")])
    assert copies.of(["p1"])["p1"].score == 0.5


def test_a_newer_rollout_makes_room(opened, copies):
    other = ShadowAnswerStore(opened, "weather")
    copies.keep(7, ANSWERS[:2])
    other.keep(3, ANSWERS[:1])
    copies.keep(9, ANSWERS[2:3])
    assert list(copies.of(["p0", "p1", "p2"])) == ["p2"]
    assert list(other.of(["p0"])) == ["p0"]


def test_no_more_are_kept_than_there_is_room_for(opened, ledger):
    small = ShadowAnswerStore(opened, "flights", most=5)
    assert small.keep(7, ANSWERS[:4])
    assert not small.keep(7, ANSWERS[4:9])
    assert not small.keep(7, ANSWERS[9:])
    assert sorted(small.of([each.prediction_id for each in ANSWERS])) == [
        "p0",
        "p1",
        "p2",
        "p3",
        "p4",
    ]


def test_a_class_that_a_database_would_change_is_refused(copies):
    with pytest.raises(Unstorable, match="predicted_class"):
        copies.keep(7, [ShadowAnswer("p1", 0.5, "a\0b")])
