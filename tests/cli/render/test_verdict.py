"""A verdict's numbers in words."""

import math
from typing import Any

import pytest
from rich.console import Console

from cli.render.verdict import WORDS, of, shown, times
from cli.render.verdict_table import drawn_verdict


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
    """The stored form."""
    signals = [
        signal("errors"),
        signal(
            "latency",
            proof=math.log(21),
            margin="x1.2",
            says="ok",
            candidate="p99 251 ms",
            stable="p99 243 ms",
        ),
        signal(
            "prediction", proof=None, proof_needed=None, margin="", more=None, says="ok (hold only)"
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


def test_a_verdict_is_an_aligned_table_under_its_head() -> None:
    lines = shown("flights", verdict()).lines
    assert lines == [
        "flights v2 vs v1   5 % for 42 min   83,310 requests, 4,203 canary   WAIT",
        "errors are not proved yet",
        "signal      v2          v1          difference (95 %, any time)  evidence against  proof "
        "                says",
        "errors      0.12 %      0.09 %      +0.03 pp [-0.09, +0.36]      0.5x of 67x       "
        "5.9x of 20x, +0.2 pp  about 36k more (90 %: 94k)",
        "latency     p99 251 ms  p99 243 ms  +0.03 pp [-0.09, +0.36]      0.5x of 67x       "
        "certified x1.2        ok",
        "prediction  0.12 %      0.09 %      +0.03 pp [-0.09, +0.36]      0.5x of 67x       "
        "-                     ok (hold only)",
        "all signals together  0.3x of 20x",
    ]


@pytest.mark.parametrize(("word", "said"), WORDS.items())
def test_each_word_ends_the_head(word: str, said: str) -> None:
    assert shown("flights", verdict(word=word, because="")).lines[0].endswith(f"   {said}")


def test_a_verdict_without_signals_is_still_shown() -> None:
    assert len(shown("flights", verdict(signals=[], because="")).lines) == 3


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "<0.01x"),
        (0.001, "<0.01x"),
        (0.05, "0.05x"),
        (0.5, "0.5x"),
        (1, "1x"),
        (5.94, "5.9x"),
        (9.96, "10x"),
        (66.7, "67x"),
        (12_400, "12,400x"),
        (2e6, "2e6x"),
        (1e12, ">1e9x"),
    ],
)
def test_a_capital_is_short(value: float, text: str) -> None:
    assert times(math.log(value) if value else -1e9) == text


def test_what_no_float_holds_has_a_bound() -> None:
    assert times(1e6) == ">1e9x"


def test_what_is_not_reached_is_never_shown_as_reached() -> None:
    assert of(math.log(66.6), math.log(200 / 3)) == "almost 67x"
    assert of(math.log(66.7), math.log(200 / 3)) == "67x of 67x"


def test_on_a_terminal_it_is_a_table_with_the_same_words() -> None:
    numbers = shown("flights", verdict())
    console = Console(width=160, highlight=False)
    with console.capture() as captured:
        console.print(drawn_verdict(numbers))

    text = captured.get()
    for row in numbers.rows:
        for cell in row:
            assert cell in text

    assert numbers.together in text
    assert "WAIT" in text


@pytest.mark.parametrize("fault", [{"word": "maybe"}, {"signals": None}, {"against": "much"}])
def test_what_is_no_verdict_is_not_shown(fault: dict[str, Any]) -> None:
    with pytest.raises((KeyError, TypeError, ValueError)):
        shown("flights", verdict(**fault))
