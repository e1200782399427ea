"""The signals of a verdict as the page shows them."""

from dataclasses import dataclass
from typing import Any

from rollout.state.policy import title_of
from rollout.verdict.signals.numbers import AT_HALF, NO_DATA
from rollout.verdict.words.alarm import odds
from router.watching.sources.page_sources import PageSources


@dataclass(frozen=True)
class SignalRow:
    """One signal. alarm: a word of rollout/verdict/words/alarm.py, empty where nothing was counted.

    against, proof: percent of what decides; proof is None where there is none to come. odds: of the
    evidence against the candidate, with where it acts. greyed: why it cannot be judged now."""

    name: str
    title: str
    candidate: str
    stable: str
    difference: str
    says: str
    action: str
    alarm: str
    required: bool
    against: int
    proof: int | None
    margin: str
    odds: str
    greyed: str
    has_band: bool


def signal_rows(sources: PageSources) -> list[SignalRow]:
    """All signals of the rollout's verdict: first what acts, then what was not counted."""
    if sources.report is None:
        return []

    return sorted(
        map(_row, sources.report["signals"]),
        key=lambda row: (bool(row.greyed), not row.required, not row.has_band),
    )


def _row(signal: dict[str, Any]) -> SignalRow:
    against = max(0, min(100, round(100 * signal["against"] / signal["against_needed"])))
    return SignalRow(
        name=signal["name"],
        title=title_of(signal["name"]),
        candidate=signal["candidate"],
        stable=signal["stable"],
        difference=signal["difference"],
        says=signal["says"],
        action=signal["action"],
        alarm=signal["alarm"] or "",
        required=signal["required"],
        against=against,
        proof=signal["proof_share"],
        margin=signal["margin"],
        odds=f"{odds(signal['against'])}, acts at {odds(signal['against_needed'])}",
        greyed=_greyed(signal),
        has_band=bool(signal.get("band")),
    )


def _greyed(signal: dict[str, Any]) -> str:
    if signal["difference"] == AT_HALF:
        return "Response times are compared only while both versions have half of the requests."
    if signal["difference"] == NO_DATA:
        return "Nothing was counted yet."
    return ""
