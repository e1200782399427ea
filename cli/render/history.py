"""What the verbs that look back show: what was in force, who answered a prediction, what stood
behind an act.
"""

from datetime import UTC, datetime

from cli.render.exit_codes import Out
from cli.render.summary import console
from deployment.history import explanation, moment, whoserved
from deployment.workspace.ledger import opened_record
from deployment.workspace.workspace import Workspace
from rollout.plurals import counted


def at(workspace: Workspace, out: Out, text: str, verify: bool) -> None:
    """Which revision was in force at a moment; raises EdgeFailure before the first act."""
    asked = moment.moment(text, datetime.now(UTC))
    with opened_record(workspace) as store:
        checked = store.verify() if verify else None
        value, lines = moment.told(asked, moment.look_back(store, asked.at))

    lines += [f"✔ the chain of {counted(checked or 0, 'revision')} holds"] if verify else []
    out.result({**value, "verified": checked}, *lines)


def who_served(workspace: Workspace, out: Out, token: str) -> None:
    """Who answered a prediction."""
    found = whoserved.who_served(workspace, token)
    out.result(found, *whoserved.lines(found))


def explain(workspace: Workspace, out: Out, revision: int | None) -> None:
    """What stood behind an act: on a terminal the verdict's numbers as a table, in a pipe as
    aligned text.
    """
    with opened_record(workspace) as store:
        found = explanation.explained(store, revision)

    if out.as_json:
        out.result(explanation.value(found))
        return

    numbers = explanation.numbers(found)
    out.result({}, *explanation.deed_lines(found))
    if numbers is None:
        return

    screen = console()
    if not screen.is_terminal:
        out.result({}, "", *numbers.lines)
        return

    from cli.render.status import drawn_verdict

    screen.print("", drawn_verdict(numbers), sep="\n")
