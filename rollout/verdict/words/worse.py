"""The answer to "is it worse?"."""

from collections.abc import Iterator
from typing import Any

from rollout.state.policy import title_of
from rollout.verdict.words.alarm import NO_ALARM, STRONG, WEAK, loudness
from rollout.verdict.words.lists import joined
from rollout.verdict.words.stage import ROLLED_BACK, holding

Signal = dict[str, Any]
NO_SIGN = "No sign of it."
NOT_BY_EVIDENCE = "The evidence below did not roll it back: the act's reason did."


def is_it_worse(verdict: dict[str, Any], stage: str) -> str:
    """What the alarms say."""
    return " ".join(_sentences(verdict, stage))


def _sentences(verdict: dict[str, Any], stage: str) -> Iterator[str]:
    candidate, stable = verdict["candidate"], verdict["stable"]
    if verdict["breaker"]:
        yield f"Yes: {verdict['breaker']}."
        return
    if verdict["word"] == "fail":
        faults = str(verdict["because"]).removeprefix(f"{candidate} is worse: ")
        yield f"Yes: {faults.partition(' (false alarm')[0]}."
        return
    if verdict["word"] == "invalid":
        yield f"That cannot be said: {candidate} did not get its share of the requests."
        return

    held = holding(verdict)
    if held:
        names = joined(_measured(signal, stable) for signal in held)
        yield f"It differs: {names}. Whether that is worse, a person must say."

    signs = _signs(verdict)
    if verdict["word"] == "pass":
        yield f"No: {_proved(verdict)} within the margins."
        yield from filter(None, [signs.replace(NO_SIGN, "")])
    elif held:
        yield signs.replace(NO_SIGN, "Nothing else looks worse.")
    else:
        yield signs

    yield from _differences(verdict)
    if stage == ROLLED_BACK:
        yield NOT_BY_EVIDENCE


def has_counts(verdict: dict[str, Any]) -> bool:
    """Whether any signal has counted something."""
    return any(signal["alarm"] is not None for signal in verdict["signals"])


def _signs(verdict: dict[str, Any]) -> str:
    """The loudest alarm of the signals that roll back, alone or together."""
    if not has_counts(verdict):
        return "Unknown: nothing was compared yet."

    loud = [signal for signal in verdict["signals"] if signal["action"] == "rollback"]
    level = max([verdict["alarm"], *map(_level, loud)], key=loudness)
    if level == NO_ALARM:
        return NO_SIGN

    those = (_measured(signal, verdict["stable"]) for signal in loud if _level(signal) == level)
    names = joined(those) or "all signals together"
    if level == WEAK:
        return f"A weak sign of it, as chance often gives: {names}."
    return f"A strong sign of it, not enough to act: {names}."


def _differences(verdict: dict[str, Any]) -> Iterator[str]:
    """What is loud and does not roll back."""
    for signal in verdict["signals"]:
        level, title = _level(signal), title_of(signal["name"]).capitalize()
        if signal["action"] == "rollback" or level == NO_ALARM or level == "hold":
            continue

        measured = _values(signal, verdict["stable"])
        if level in (WEAK, STRONG):
            yield f"A {level} sign that another thing differs: {title.lower()} ({measured})."
        else:
            yield f"{title} differs ({measured}): it is shown only."


def _proved(verdict: dict[str, Any]) -> str:
    names = []
    for signal in verdict["signals"]:
        if signal["required"]:
            names.append(title_of(signal["name"]))

    if len(names) == 1:
        return f"{names[0]} is proved to be"
    return f"{joined(names)} are proved to be"


def _measured(signal: Signal, stable: str) -> str:
    return f"{title_of(signal['name'])} ({_values(signal, stable)})"


def _values(signal: Signal, stable: str) -> str:
    measured = f"{signal['candidate']}, {signal['stable']} on {stable}"
    if "pp [" in signal["difference"]:
        return f"{measured}, difference {signal['difference']}"
    return measured


def _level(signal: Signal) -> str:
    return signal["alarm"] or NO_ALARM
