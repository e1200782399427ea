"""What `doctor` finds on Heroku: account, apps, database, drift between ledger and platform, and
what it all costs.
"""

from collections.abc import Iterator
from functools import partial

from deployment.workspace.bundles import read_release
from deployment.workspace.errors import EdgeFailure
from deployment.workspace.secrets import read_secrets
from deployment.workspace.workspace import Workspace
from rollout.state.ledger import Ledger, Version
from targets.base import Say
from targets.findings import Finding, looked
from targets.heroku.api.addons import find_addon
from targets.heroku.api.apps import apps
from targets.heroku.api.auth import account
from targets.heroku.api.client import SPARE_TOKENS, Client
from targets.heroku.api.config_vars import config_vars
from targets.heroku.api.formation import Scale, formation
from targets.heroku.api.owner import owner, requests_left
from targets.heroku.api.pipelines import coupled, pipeline
from targets.heroku.api.prices import addon_price, dyno_prices
from targets.heroku.api.retry import Patience
from targets.heroku.app_drift import UP, Checkup, Wanted
from targets.heroku.app_group import AppGroup
from targets.heroku.build.app_config import router_vars, version_vars
from targets.heroku.build.slug_source import router_slug, version_slug
from targets.heroku.errors import HerokuFailure
from targets.heroku.names import prefix_of
from targets.heroku.sizes import Item, bill, database_item, dyno_item
from targets.heroku.stack import DATABASE_URL

QUICK = Patience(deadline_s=20.0, limited_deadline_s=60.0)


def platform(
    workspace: Workspace, ledger: Ledger | None, say: Say, patience: Patience = QUICK
) -> Iterator[Finding]:
    """Every finding of the platform; ledger: None where the record does not answer."""
    try:
        whose = account()
    except EdgeFailure as error:
        yield Finding("token", fault=str(error))
        return

    with Client(whose, say, patience) as client:
        token = looked(
            "token", lambda: f"of {owner(client).name}, from {whose.token_from}, for {whose.api}"
        )
        yield token
        if token.fault:
            return
        yield looked("requests left", partial(_requests, client))
        team = workspace.settings.heroku.team
        try:
            mine = owner(client, team)
            there = AppGroup(workspace, client, mine, prefix_of(workspace.settings, mine.id), say)
        except EdgeFailure as error:
            yield Finding(f"team {team}" if team else "names", fault=str(error))
            return
        yield from _app_group(there, ledger)


def _app_group(group: AppGroup, ledger: Ledger | None) -> Iterator[Finding]:
    live = ledger.live() if ledger else []
    yield from Checkup(group.client, group.workspace, _router(group)).findings()
    yield looked("database", partial(_database, group))
    for version in live:
        yield from Checkup(group.client, group.workspace, _version(group, version)).findings()

    named = [group.router, *(version.program for version in live)]
    yield looked(f"pipeline {group.pipeline}", partial(_pipeline, group, named))
    scales: dict[str, dict[str, Scale]] = {}
    if ledger is not None:
        retired = [version.program for version in ledger.versions.values() if version not in live]
        yield looked(
            "what the ledger does not name", partial(_strays, group, named, retired, scales)
        )
        yield looked("cost of what runs", partial(_cost, group, scales))


def _requests(client: Client) -> str:
    left = requests_left(client)
    if left < SPARE_TOKENS:
        raise HerokuFailure(
            f"{left} of this account's 4500 an hour: acts go slowly until some minutes have passed"
        )

    return f"{left} of 4500 an hour"


def _router(group: AppGroup) -> Wanted:
    place, wanted = group.workspace, group.workspace.settings.heroku
    return Wanted(
        group.router,
        "",
        Scale(wanted.router_dynos, wanted.router_size),
        lambda: router_vars(place, read_secrets(place)),
        lambda: router_slug(place).version,
    )


def _version(group: AppGroup, version: Version) -> Wanted:
    place, wanted = group.workspace, group.workspace.settings.heroku
    return Wanted(
        version.program,
        version.name,
        Scale(wanted.version_dynos, wanted.version_size),
        lambda: version_vars(
            place, read_release(place.releases, version.name), read_secrets(place)
        ),
        lambda: version_slug(place, read_release(place.releases, version.name)).version,
        lambda: group.drain(version.name, read_secrets(place)),
    )


def _database(group: AppGroup) -> str:
    found = find_addon(group.client, group.router)
    if found is None:
        raise HerokuFailure(
            f"{group.router} has no heroku-postgresql: {UP} orders one, empty; the old record is "
            "gone"
        )

    if found.state != "provisioned":
        raise HerokuFailure(
            f"{found.name} is {found.state}: wait for it, `heroku addons:info {found.name}` tells"
        )

    wanted = f"heroku-postgresql:{group.workspace.settings.heroku.postgres}"
    if found.plan != wanted:
        raise HerokuFailure(
            f"{found.name} is {found.plan}, deploy.toml wants {wanted}: correct it there, or see "
            "`heroku addons:upgrade`"
        )

    if config_vars(group.client, group.router).get(DATABASE_URL) != group.workspace.database_url:
        raise HerokuFailure(
            f"the address in {group.workspace.database_file}, or in DATABASE_URL here, is not the "
            f"one that the router has (new credentials?): unset DATABASE_URL, then {UP} keeps the "
            "new one"
        )

    return f"{found.name}, {found.plan}, at the address that is kept here"


def _pipeline(group: AppGroup, named: list[str]) -> str:
    found = pipeline(group.client, group.pipeline, group.owner)
    if found is None:
        raise HerokuFailure(f"it is not there: {UP} makes it")

    within = coupled(group.client, found)
    outside = [
        each.name for each in apps(group.client) if each.name in named and each.id not in within
    ]
    if outside:
        steps = ", ".join(
            f"`heroku pipelines:add {group.pipeline} -a {name} -s production`" for name in outside
        )
        raise HerokuFailure(f"{', '.join(outside)} not in it: {steps}")

    return f"{len(within)} apps"


def _strays(
    group: AppGroup, named: list[str], retired: list[str], scales: dict[str, dict[str, Scale]]
) -> str:
    """The other apps of the pipeline that bear the prefix: kept without dynos, or running for
    nobody.
    """
    found = pipeline(group.client, group.pipeline, group.owner)
    within = coupled(group.client, found) if found else {}
    for each in apps(group.client):
        if each.name in named or (each.id in within and each.name.startswith(f"{group.prefix}-")):
            scales[each.name] = formation(group.client, each.name)

    running = [
        name for name in sorted(scales) if name not in named and _items(name, scales[name], {})
    ]
    if running:
        costs = {name: bill(_items(name, scales[name], {})).monthly for name in running}
        told = [f"{name} (${cost:.2f} a month)" for name, cost in costs.items()]
        by_hand = [f"`heroku ps:scale web=0 -a {name}`" for name in running if name not in retired]
        steps = ", ".join(["`python deploy.py collect`"] * (len(by_hand) < len(running)) + by_hand)
        raise HerokuFailure(
            f"dynos of {', '.join(told)} run; unless a deploy is under way now: {steps}"
        )

    kept = sorted(set(scales) - set(named))
    if kept:
        return f"{', '.join(kept)} kept without a dyno"
    return "nothing"


def _cost(group: AppGroup, scales: dict[str, dict[str, Scale]]) -> str:
    prices = dyno_prices(group.client)
    items = [item for name in sorted(scales) for item in _items(name, scales[name], prices)]
    if (ordered := find_addon(group.client, group.router)) is not None:
        plan = ordered.plan.partition(":")[2]
        items.append(database_item(plan, addon_price(group.client, ordered.plan)))

    cost = bill(items)
    lines = ", ".join(f"{each.what} {each.quantity} x {each.size}" for each in items)
    return (
        f"${cost.monthly:.2f} a month, ${cost.daily:.2f} a day, if always on ({lines or 'nothing'})"
    )


def _items(name: str, scales: dict[str, Scale], prices: dict[str, float]) -> list[Item]:
    return [
        dyno_item(name, each.size, each.quantity, prices)
        for each in scales.values()
        if each.quantity
    ]
