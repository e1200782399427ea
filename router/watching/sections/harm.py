"""What the candidate has cost users so far, and what a rollback would give back."""

from dataclasses import dataclass

from rollout.decide.decisions import COMMAND
from rollout.plurals import counted
from rollout.state.split import ALL
from rollout.state.version_state import LIVE
from router.watching.sections.number_words import count, rate, share
from router.watching.sources.page_sources import PageSources


@dataclass(frozen=True)
class HarmLine:
    """One kind of harm: how much, and what it is."""

    amount: str
    text: str


@dataclass(frozen=True)
class Rollback:
    """Where a rollback would send the traffic. target: empty where there is none.

    warm: whether its process runs. gives_back: what changes for users."""

    target: str
    warm: bool
    gives_back: str
    command: str = f"{COMMAND} rollback"


def harm(sources: PageSources) -> list[HarmLine]:
    """All that is known; empty without a rollout."""
    if sources.ledger.rollout is None:
        return []

    candidate, stable = sources.candidate, sources.stable
    numbers = sources.numbers(candidate)
    lines = [
        HarmLine(
            count(numbers.requests),
            f"requests went to {candidate}",
        ),
        HarmLine(
            count(numbers.errors),
            f"of them failed; {count(numbers.fallbacks)} of these were answered by another version",
        ),
    ]
    if numbers.compared:
        lines.append(
            HarmLine(
                count(numbers.differ),
                f"of {count(numbers.compared)} compared copies it answered otherwise than {stable}",
            )
        )
    if worse := _served_worse(sources):
        lines.append(worse)

    return lines


def _served_worse(sources: PageSources) -> HarmLine | None:
    """Labels: how many more of the answers were wrong than the stable version's would have been."""
    report = sources.report
    labels = (
        [signal for signal in report["signals"] if signal["name"] == "labels"] if report else []
    )
    band = labels[0].get("band") if labels else None
    if not band:
        return None

    requests = sources.numbers(sources.candidate).requests
    low, middle, high = map(round, (requests * band[0], requests * band[1], requests * band[2]))
    if middle > 0:
        amount, words = count(middle), f"more answers were wrong than {sources.stable}'s would be"
    else:
        amount, words = count(-middle), f"fewer answers were wrong than {sources.stable}'s would be"
        low, high = -high, -low

    return HarmLine(amount, f"{words}, by the labels so far (between {low:,} and {high:,})")


def rollback(sources: PageSources) -> Rollback:
    """Where a rollback leads, and what it would change."""
    ledger = sources.ledger
    target = ledger.rollback_target()
    if target is None or target not in ledger.versions:
        return Rollback("", False, "No version was released before, so no rollback is possible.")

    warm = ledger.version(target).state in LIVE
    return Rollback(target, warm, _gives_back(sources, target))


def _gives_back(sources: PageSources, target: str) -> str:
    rollout = sources.ledger.rollout
    if rollout is None:
        return f"{target} would answer all requests instead of {sources.ledger.released}."

    weight = sources.ledger.weight(rollout.candidate)
    text = f"{target} would answer the {share(weight)} that {rollout.candidate} has now"
    if sources.rate_per_s:
        text += f", about {rate(sources.rate_per_s * weight / ALL)}"

    numbers = sources.numbers(rollout.candidate)
    running = max(1.0, sources.at - rollout.started_at)
    if numbers.errors:
        text += (
            f". {rollout.candidate} failed {counted(numbers.errors, 'request')} in this rollout, "
            f"{rate(numbers.errors / running)}"
        )

    return f"{text}."
