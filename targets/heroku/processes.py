"""What runs on Heroku now, in the words of the local supervisor, so that `status` shows both."""

from deployment.workspace.ledger import newest_ledger
from deployment.workspace.workspace import Workspace
from targets.base import Process
from targets.heroku.api.apps import app
from targets.heroku.api.dynos import Dyno, dynos
from targets.heroku.api.retry import Patience
from targets.heroku.app_group import AppGroup, open_app_group

WORDS = {
    "up": "RUNNING",
    "starting": "STARTING",
    "crashed": "FATAL",
    "down": "STOPPED",
    "idle": "STOPPED",
}
# The gravest first: one crashed dyno among three is what matters.
GRAVEST = ("crashed", "starting", "down", "idle", "up")
# A screen says soon that Heroku is away, since the rest of it does not come from there.
SOON = Patience(deadline_s=4.0, limited_deadline_s=4.0, answer_s=4.0)


def processes(workspace: Workspace) -> dict[str, Process]:
    """The router's app and those of live versions, by name; raises HerokuFailure."""
    live = [version.program for version in newest_ledger(workspace).live()]
    with open_app_group(workspace, patience=SOON) as group:
        versions = {name: _process(group, name) for name in live}
        return {**versions, "router": _process(group, group.router)}


def _process(group: AppGroup, name: str) -> Process:
    if app(group.client, name) is None:
        return Process(name, "FATAL", 0, 0.0, "its app was deleted")

    running: list[Dyno] = dynos(group.client, name)
    if not running:
        return Process(name, "STOPPED", 0, 0.0, "scaled to no dyno")

    worst = min((dyno.state for dyno in running), key=_rank)
    because = ""
    if worst == "crashed":
        crashed = ", ".join(dyno.name for dyno in running if dyno.state == worst)
        because = f"{crashed} crashed"

    return Process(name, WORDS.get(worst, worst.upper()), 0, 0.0, because)


def _rank(state: str) -> int:
    """The place of a dyno's state in GRAVEST; unknown ones come last."""
    if state in GRAVEST:
        return GRAVEST.index(state)
    return len(GRAVEST)
