"""A signal is one class in the registry: it is judged, and shown, without a word elsewhere."""

import math
from dataclasses import replace

import pytest

from rollout.state.policy import SignalPolicy
from rollout.verdict import report, verdict
from rollout.verdict.baseline import Reference
from rollout.verdict.evidence import Evidence
from rollout.verdict.report import JudgingInput, account
from rollout.verdict.sequential import Tables
from rollout.verdict.signals.rate_signal import RateSignal
from rollout.verdict.signals.registry import SIGNALS, threshold_kinds
from tests.rollout.evidence_factory import CANARY, evidence, kind
from tests.rollout.ledger_commands import STARTED, ledger_after

ROLLOUT = ledger_after("canary v2 --auto", ledger=STARTED).running()
RULE = SignalPolicy("retries", "rollback", 0.5, required=True, tolerance=0.0, margin=0.05)
POLICY = replace(CANARY, rules=(RULE,))


class RetriesSignal(RateSignal):
    """Requests that had to be sent again."""

    name = "retries"

    def tables(self, evidence: Evidence) -> Tables:
        """Sent again, or not."""
        return evidence.tables("retries", ["again"])

    def centre(self, _reference: Reference) -> float:
        """One in a hundred."""
        return 0.01


@pytest.fixture(autouse=True)
def one_signal_more(monkeypatch: pytest.MonkeyPatch) -> None:
    """The registry with this signal too."""
    signals = {**SIGNALS, "retries": RetriesSignal()}
    monkeypatch.setattr(verdict, "SIGNALS", signals)
    monkeypatch.setattr(report, "SIGNALS", signals)


def report_of(candidate: dict[str, int], stable: dict[str, int]) -> dict[str, object]:
    """The report on these counts of it alone."""
    counted = evidence(*kind("retries", 500, candidate, stable))
    return account(JudgingInput(ROLLOUT, POLICY, counted, [], Reference(), 500, 60.0))


def test_a_new_signal_that_is_worse_rolls_back_and_says_why() -> None:
    shown = report_of({"once": 60, "again": 40}, {"once": 1_980, "again": 20})
    assert shown["word"] == "fail"
    assert str(shown["because"]).startswith(
        "v2 is worse: retries: 40.00 %, 1.00 % on v1, difference +39"
    )


def test_a_new_signal_that_is_alike_is_proved() -> None:
    shown = report_of({"once": 1_980, "again": 20}, {"once": 37_620, "again": 380})
    (line,) = shown["signals"]
    assert (shown["word"], line["name"], line["says"]) == ("pass", "retries", "proved")
    assert (line["candidate"], line["stable"], line["margin"]) == ("1.00 %", "1.00 %", "+5 pp")


def test_without_counts_it_is_undecided() -> None:
    shown = report_of({}, {})
    (line,) = shown["signals"]
    assert (shown["word"], line["says"], line["against"]) == ("undecided", "no data yet", 0.0)
    assert math.isfinite(line["against_needed"])


def test_kinds_that_are_read_by_thresholds_are_those_of_the_signals() -> None:
    assert threshold_kinds() == ("waits", "classes", "values")
