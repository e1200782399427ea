"""A verdict's numbers in words, of today's ledgers and of those of earlier versions."""

import math
from typing import Any

import pytest
from rich.console import Console

from cli.render.verdict.table import drawn_verdict
from cli.render.verdict.text import WORDS, acts_at, shown


def signal(name: str, **changes: Any) -> dict[str, Any]:
    """A signal that is on its way."""
    made = {
        "name": name,
        "action": "rollback",
        "required": True,
        "weight": 0.3,
        "candidate": "0.12 %",
        "stable": "0.09 %",
        "difference": "+0.03 pp [-0.09, +0.36]",
        "against": math.log(0.5),
        "against_needed": math.log(200 / 3),
        "proof": math.log(5.9),
        "proof_needed": math.log(20),
        "margin": "+0.2 pp",
        "more": 36_000,
        "more_90": "never",
        "says": "about 36k more (90 %: 94k)",
    }
    return made | changes


def verdict(**changes: Any) -> dict[str, Any]:
    """The form that earlier versions stored."""
    signals = [
        signal("errors"),
        signal(
            "latency",
            proof=math.log(21),
            margin="x1.2",
            says="certified",
            candidate="p99 251 ms",
            stable="p99 243 ms",
        ),
        signal(
            "prediction",
            action="hold",
            required=False,
            proof=None,
            proof_needed=None,
            margin="",
            more=None,
            says="ok (hold only)",
        ),
    ]
    made = {
        "word": "undecided",
        "because": "errors are not proved yet",
        "against": math.log(0.3),
        "needed": math.log(20),
        "requests": 83_310,
        "candidate_requests": 4_203,
        "running_s": 2_520.0,
        "weight": 500,
        "candidate": "v2",
        "stable": "v1",
        "signals": signals,
    }
    return made | changes


def test_a_verdict_of_an_earlier_version_is_shown_in_the_words_of_today() -> None:
    lines = shown("flights", verdict()).lines
    assert lines[0] == (
        "flights v2 vs v1   5 % for 42 min   83,310 counted, 4,203 of them on v2   WAIT"
    )
    assert [line.partition("  ")[0] for line in lines[1:5]] == [
        "Is v2 worse?",
        "How sure?",
        "What is missing?",
        "How long?",
    ]
    assert lines[5:] == [
        "",
        "signal      v2          v1          difference (95 %, any time)  alarm  "
        "proof                     says",
        "errors      0.12 %      0.09 %      +0.03 pp [-0.09, +0.36]      none   "
        "59 % of the way, +0.2 pp  no alarm, not proved: about 36k more (90 %: 94k)",
        "latency     p99 251 ms  p99 243 ms  +0.03 pp [-0.09, +0.36]      none   "
        "proved x1.2               proved",
        "prediction  0.12 %      0.09 %      +0.03 pp [-0.09, +0.36]      none   "
        "-                         no alarm (nothing required)",
        "all signals together  alarm: none",
    ]


def test_an_earlier_verdict_does_not_say_how_long_it_takes_as_the_rate_was_not_stored() -> None:
    answers = {answer.question: answer.text for answer in shown("flights", verdict()).answers}
    assert "about 36,000 more" in answers["What is missing?"]
    assert answers["How long?"].startswith("Not stored: ")


@pytest.mark.parametrize(
    ("earlier", "today"),
    [
        ("ok", "no alarm (nothing required)"),
        ("ok (watch only)", "no alarm (nothing required)"),
        ("not proved yet", "no alarm, not proved"),
        ("not reachable at this rate", "no alarm, not proved: not reachable at this rate"),
        ("worse", "worse: roll back"),
        ("-", "no data yet"),
        ("no data yet", "no data yet"),
        (
            "off: labels came for one version more than for the other",
            "not comparable: labels came for one version more than for the other",
        ),
    ],
)
def test_earlier_words_are_said_as_today(earlier: str, today: str) -> None:
    numbers = shown("flights", verdict(signals=[signal("errors", says=earlier)]))
    assert numbers.rows[1][-1] == today


@pytest.mark.parametrize(
    ("weight", "requests"), [(0, "5,688 requests"), (10_000, "5,688 requests")]
)
def test_where_no_coin_was_tossed_an_earlier_count_was_of_requests(
    weight: int, requests: str
) -> None:
    head = shown("flights", verdict(weight=weight, requests=5_688)).head
    assert head.endswith(f"   {requests}   WAIT")


def test_requests_counted_ones_pairs_and_copies_are_told_apart() -> None:
    today = {
        "all_requests": 17_106,
        "counted": 412,
        "candidate_counted": 195,
        "pairs": 9,
        "copies": 1,
    }
    assert "   17,106 requests, 412 counted, 195 of them on v2, 9 asked of both, 1 copy   " in (
        shown("flights", verdict(**today)).head
    )


def test_the_odds_are_shown_on_demand() -> None:
    numbers = shown("flights", verdict(), with_odds=True)
    assert numbers.rows[0][6:] == ("odds against", "odds of the proof", "says")
    assert numbers.rows[1][6:8] == ("0.5 to 1, acts at 67 to 1", "5.9 to 1, proved at 20 to 1")
    assert numbers.rows[3][7] == "-"
    assert numbers.together.endswith("alarm: none, 0.3 to 1, acts at 20 to 1")
    assert "to 1" not in "\n".join(shown("flights", verdict()).lines)


@pytest.mark.parametrize(("word", "said"), WORDS.items())
def test_each_word_ends_the_head(word: str, said: str) -> None:
    assert shown("flights", verdict(word=word, because="")).lines[0].endswith(f"   {said}")


def test_a_verdict_without_signals_is_still_shown() -> None:
    assert len(shown("flights", verdict(signals=[], because="")).lines) == 8


def test_what_is_not_reached_is_never_shown_as_reached() -> None:
    needed = math.log(200 / 3)
    assert acts_at(math.log(66.6), needed) == "almost 67 to 1, acts at 67 to 1"
    assert acts_at(math.log(66.7), needed) == "67 to 1, acts at 67 to 1"


def test_on_a_terminal_it_is_a_table_with_the_same_words() -> None:
    numbers = shown("flights", verdict(), with_odds=True)
    console = Console(width=300, highlight=False)
    with console.capture() as captured:
        console.print(drawn_verdict(numbers))

    text = captured.get()
    for row in numbers.rows:
        for cell in row:
            assert cell in text

    for answer in numbers.answers:
        assert answer.text in text

    assert numbers.together in text
    assert "WAIT" in text


@pytest.mark.parametrize("fault", [{"word": "maybe"}, {"signals": None}, {"against": "much"}])
def test_what_is_no_verdict_is_not_shown(fault: dict[str, Any]) -> None:
    with pytest.raises((KeyError, TypeError, ValueError)):
        shown("flights", verdict(**fault))
