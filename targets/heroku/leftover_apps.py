"""What is left on Heroku of versions that answer nobody: dynos that still cost, and apps that are
only kept.
"""

import time
from collections.abc import Iterable
from datetime import datetime

from rollout.state.ledger import Version
from targets.base import Leftover
from targets.heroku.api.addons import addons
from targets.heroku.api.apps import App, apps, delete_app
from targets.heroku.api.builds import builds
from targets.heroku.api.dynos import dynos
from targets.heroku.api.formation import Scale, formation, scale
from targets.heroku.api.owner import Owner
from targets.heroku.api.prices import dyno_prices
from targets.heroku.app_group import AppGroup
from targets.heroku.build.release_pipeline import WEB
from targets.heroku.errors import HerokuFailure
from targets.heroku.sizes import bill, dyno_item

# A dyno that is younger may be one that somebody starts at this moment, on another machine.
SETTLED_S = 600.0


def leftovers(group: AppGroup, versions: Iterable[Version]) -> dict[str, Leftover]:
    """The apps that these versions still have, by version; others' apps are left out."""
    mine = {each.name: each for each in apps(group.client) if _owned(each, group.owner)}
    own = {
        v.name: mine[v.program]
        for v in versions
        if v.program in mine and v.program == group.version(v.name)
    }
    prices = dyno_prices(group.client) if own else {}
    return {name: _leftover(group, found, prices) for name, found in own.items()}


def end(group: AppGroup, rest: Leftover) -> None:
    """Scale the app of a retired version to nothing; raises HerokuFailure where somebody may be
    starting it.
    """
    _refuse_fresh(group, rest)
    now = formation(group.client, rest.app).get(WEB)
    if (
        now is not None
        and now.quantity
        and scale(group.client, rest.app, {WEB: Scale(0, now.size)})
    ):
        group.say(f"{rest.app}: no dynos any more")


def delete(group: AppGroup, rest: Leftover) -> None:
    """Delete the app of a retired version; raises HerokuFailure where it is in use after all."""
    _refuse_fresh(group, rest)
    if any(each.quantity for each in formation(group.client, rest.app).values()):
        raise HerokuFailure(f"{rest.app} has dynos: it is not deleted while it runs")

    owned = [each.name for each in addons(group.client, rest.app) if each.app == rest.app]
    if owned:
        raise HerokuFailure(
            f"{rest.app} has add-ons of its own ({', '.join(owned)}), which would go with it"
        )

    delete_app(group.client, rest.id)
    group.say(f"{rest.app}: deleted")


def _leftover(group: AppGroup, app: App, prices: dict[str, float]) -> Leftover:
    scale = formation(group.client, app.name).get(WEB)
    if scale is None or not scale.quantity:
        return Leftover(app.name, app.id, running=False, monthly=0.0, summary="no dyno")

    dynos = dyno_item(app.name, scale.size, scale.quantity, prices)
    cost = bill([dynos])
    summary = cost.lines[0].partition(": ")[2]
    return Leftover(app.name, app.id, running=True, monthly=cost.monthly, summary=summary)


def _owned(found: App, by: Owner) -> bool:
    if by.kind == "team":
        return found.team == by.name
    return found.owner == by.id


def _refuse_fresh(group: AppGroup, rest: Leftover) -> None:
    """Raise HerokuFailure where an app is built, or its dynos have only just begun."""
    ages = [time.time() - _epoch(dyno.updated_at) for dyno in dynos(group.client, rest.app)]
    if any(each.pending for each in builds(group.client, rest.app)) or any(
        age < SETTLED_S for age in ages
    ):
        raise HerokuFailure(
            f"{rest.app} was started a moment ago, perhaps by somebody else: it is left alone for "
            "now"
        )


def _epoch(text: str) -> float:
    try:
        return datetime.fromisoformat(text).timestamp()
    except ValueError as error:
        raise HerokuFailure(f"Heroku gives a time that cannot be read: {text!r}") from error
