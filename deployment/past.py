"""What the verbs that look back show: what was in force, who answered a prediction, what stood behind an act."""

from datetime import UTC, datetime

from deployment import explaining, moments, whoserved
from deployment.config import Place
from deployment.outcomes import Out
from deployment.record import opened_record
from deployment.viewing import console
from rollout.wording import counted


def at(place: Place, out: Out, text: str, verify: bool) -> None:
    """Which revision was in force at a moment; raises EdgeFailure before the first act."""
    asked = moments.moment(text, datetime.now(UTC))
    with opened_record(place) as store:
        checked = store.verify() if verify else None
        value, lines = moments.told(asked, moments.look_back(store, asked.at))
    lines += [f"✔ the chain of {counted(checked or 0, 'revision')} holds"] if verify else []
    out.result({**value, "verified": checked}, *lines)


def who_served(place: Place, out: Out, token: str) -> None:
    """Who answered a prediction."""
    found = whoserved.who_served(place, token)
    out.result(found, *whoserved.lines(found))


def explain(place: Place, out: Out, revision: int | None) -> None:
    """What stood behind an act: on a terminal the verdict's numbers as a table, in a pipe as aligned text."""
    with opened_record(place) as store:
        found = explaining.explained(store, revision)
    if out.as_json:
        out.result(explaining.value(found))
        return
    numbers = explaining.numbers(found)
    out.result({}, *explaining.deed_lines(found))
    if numbers is None:
        return
    screen = console()
    if not screen.is_terminal:
        out.result({}, "", *numbers.lines)
        return
    from deployment.screen import drawn_verdict

    screen.print("", drawn_verdict(numbers), sep="\n")
