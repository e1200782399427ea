"""What is drawn fits the terminal, and no number of it is cut."""

import io

import pytest
from rich.console import Console

from cli.render.status import drawn
from cli.render.verdict.text import shown
from tests.deployment.status_factory import status

SIGNAL = {
    "name": "latency",
    "candidate": "x1.03",
    "stable": "x1",
    "difference": "383 batches, 9 in 10 below x1.11",
    "against": 0.1,
    "against_needed": 4.4,
    "proof": 5.0,
    "proof_needed": 3.0,
    "margin": "x1.15",
    "says": "certified",
}
VERDICT = {
    "candidate": "v2",
    "stable": "v1",
    "weight": 500,
    "running_s": 12.0,
    "requests": 79_123,
    "candidate_requests": 3_951,
    "word": "undecided",
    "because": "not yet: errors not proved",
    "against": 0.1,
    "needed": 3.0,
    "signals": [SIGNAL],
}


def screen(width: int) -> str:
    """What a terminal of that width shows."""
    out = io.StringIO()
    Console(file=out, width=width, force_terminal=False, highlight=False).print(
        drawn(status(verdict=VERDICT))
    )
    return out.getvalue()


@pytest.mark.parametrize("width", [80, 100, 140, 400])
def test_no_number_is_cut_and_what_a_signal_says_is_always_there(width: int) -> None:
    drawing = screen(width)
    assert "…" not in drawing
    assert max(map(len, drawing.splitlines())) <= width
    for fact in ("79123", "95.0 %", "2.4 ms", "proved", "383 batches, 9 in 10 below x1.11"):
        assert fact in drawing


def test_a_wide_terminal_shows_everything_in_tables() -> None:
    drawing = screen(400)
    assert "98.1 %" in drawing
    assert "14321" in drawing
    for line in shown("flights", VERDICT).lines[6:8]:
        assert line in drawing
