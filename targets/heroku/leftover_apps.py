"""What retired and idle versions still have on Heroku: dynos that cost, and apps."""

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
    owned = {app.name: app for app in apps(group.client) if _is_owned(app, group.owner)}
    version_apps = {}
    for version in versions:
        if version.program in owned and version.program == group.version(version.name):
            version_apps[version.name] = owned[version.program]

    if not version_apps:
        return {}
    prices = dyno_prices(group.client)
    return {name: _leftover(group, app, prices) for name, app in version_apps.items()}


def end(group: AppGroup, leftover: Leftover) -> None:
    """Scale the app of a retired version to nothing; raises HerokuFailure where somebody may be
    starting it.
    """
    _refuse_fresh(group, leftover)
    now = formation(group.client, leftover.app).get(WEB)
    if now is None or not now.quantity:
        return
    if scale(group.client, leftover.app, {WEB: Scale(0, now.size)}):
        group.say(f"{leftover.app}: scaled to zero")


def delete(group: AppGroup, leftover: Leftover) -> None:
    """Delete the app of a retired version; raises HerokuFailure where it is in use after all."""
    _refuse_fresh(group, leftover)
    if any(scale.quantity for scale in formation(group.client, leftover.app).values()):
        raise HerokuFailure(f"{leftover.app} has dynos: it is not deleted while it runs")

    owned = [
        addon.name for addon in addons(group.client, leftover.app) if addon.app == leftover.app
    ]
    if owned:
        raise HerokuFailure(
            f"{leftover.app} has add-ons of its own ({', '.join(owned)}), which would go with it"
        )

    delete_app(group.client, leftover.id)
    group.say(f"{leftover.app}: deleted")


def _leftover(group: AppGroup, app: App, prices: dict[str, float]) -> Leftover:
    scale = formation(group.client, app.name).get(WEB)
    if scale is None or not scale.quantity:
        return Leftover(app.name, app.id, running=False, monthly=0.0, summary="no dyno")

    dynos = dyno_item(app.name, scale.size, scale.quantity, prices)
    cost = bill([dynos])
    summary = cost.lines[0].partition(": ")[2]
    return Leftover(app.name, app.id, running=True, monthly=cost.monthly, summary=summary)


def _is_owned(app: App, owner: Owner) -> bool:
    if owner.kind == "team":
        return app.team == owner.name
    return app.owner == owner.id


def _refuse_fresh(group: AppGroup, leftover: Leftover) -> None:
    """Raise HerokuFailure where an app is built, or its dynos have only just begun."""
    building = any(build.pending for build in builds(group.client, leftover.app))
    newest = max(
        (_epoch(dyno.updated_at) for dyno in dynos(group.client, leftover.app)), default=0.0
    )
    if building or time.time() - newest < SETTLED_S:
        raise HerokuFailure(
            f"{leftover.app} was started a moment ago, perhaps by somebody else: it is left alone "
            "for now"
        )


def _epoch(text: str) -> float:
    try:
        return datetime.fromisoformat(text).timestamp()
    except ValueError as error:
        raise HerokuFailure(f"Heroku gives a time that cannot be read: {text!r}") from error
