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
from targets.findings import Finding, examine
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
from targets.heroku.app_drift import UP, Checkup, ExpectedApp
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
        signed_in = account()
    except EdgeFailure as error:
        yield Finding("token", fault=str(error))
        return

    with Client(signed_in, say, patience) as client:
        token = examine("token", partial(_token, client))
        yield token
        if token.fault:
            return

        yield examine("requests left", partial(_requests, client))
        team = workspace.settings.heroku.team
        try:
            whose = owner(client, team)
            prefix = prefix_of(workspace.settings, whose.id)
        except EdgeFailure as error:
            yield Finding(f"team {team}" if team else "names", fault=str(error))
            return

        yield from _app_group(AppGroup(workspace, client, whose, prefix, say), ledger)


def _token(client: Client) -> str:
    account = client.account
    return f"of {owner(client).name}, from {account.token_from}, for {account.api}"


def _app_group(group: AppGroup, ledger: Ledger | None) -> Iterator[Finding]:
    live = ledger.live() if ledger else []
    yield from Checkup(group.client, group.workspace, _router(group)).findings()
    yield examine("database", partial(_database, group))
    for version in live:
        yield from Checkup(group.client, group.workspace, _version(group, version)).findings()

    named = [group.router, *(version.program for version in live)]
    yield examine(f"pipeline {group.pipeline}", partial(_pipeline, group, named))
    scales: dict[str, dict[str, Scale]] = {}
    if ledger is not None:
        retired = [version.program for version in ledger.versions.values() if version not in live]
        yield examine(
            "what the ledger does not name", partial(_strays, group, named, retired, scales)
        )
        yield examine("cost of what runs", partial(_cost, group, scales))


def _requests(client: Client) -> str:
    left = requests_left(client)
    if left < SPARE_TOKENS:
        raise HerokuFailure(
            f"{left} of this account's 4500 an hour: acts go slowly until some minutes have passed"
        )

    return f"{left} of 4500 an hour"


def _router(group: AppGroup) -> ExpectedApp:
    workspace, settings = group.workspace, group.workspace.settings.heroku
    return ExpectedApp(
        group.router,
        "",
        Scale(settings.router_dynos, settings.router_size),
        lambda: router_vars(workspace, read_secrets(workspace)),
        lambda: router_slug(workspace).version,
    )


def _version(group: AppGroup, version: Version) -> ExpectedApp:
    workspace, settings = group.workspace, group.workspace.settings.heroku
    return ExpectedApp(
        version.program,
        version.name,
        Scale(settings.version_dynos, settings.version_size),
        lambda: version_vars(
            workspace, read_release(workspace.releases, version.name), read_secrets(workspace)
        ),
        lambda: version_slug(workspace, read_release(workspace.releases, version.name)).version,
        lambda: group.drain(version.name, read_secrets(workspace)),
    )


def _database(group: AppGroup) -> str:
    addon = find_addon(group.client, group.router)
    if addon is None:
        raise HerokuFailure(
            f"{group.router} has no heroku-postgresql: {UP} orders one, empty; the old record is "
            "gone"
        )

    if addon.state != "provisioned":
        raise HerokuFailure(
            f"{addon.name} is {addon.state}: wait for it, `heroku addons:info {addon.name}` tells"
        )

    plan = f"heroku-postgresql:{group.workspace.settings.heroku.postgres}"
    if addon.plan != plan:
        raise HerokuFailure(
            f"{addon.name} is {addon.plan}, deploy.toml wants {plan}: correct it there, or see "
            "`heroku addons:upgrade`"
        )

    if config_vars(group.client, group.router).get(DATABASE_URL) != group.workspace.database_url:
        raise HerokuFailure(
            f"the address in {group.workspace.database_file}, or in DATABASE_URL here, is not the "
            f"one that the router has (new credentials?): unset DATABASE_URL, then {UP} keeps the "
            "new one"
        )

    return f"{addon.name}, {addon.plan}, at the address that is kept here"


def _pipeline(group: AppGroup, named: list[str]) -> str:
    existing = pipeline(group.client, group.pipeline, group.owner)
    if existing is None:
        raise HerokuFailure(f"it does not exist: {UP} makes it")

    within = coupled(group.client, existing)
    outside = [app.name for app in apps(group.client) if app.name in named and app.id not in within]
    if outside:
        add = f"`heroku pipelines:add {group.pipeline} -a {{}} -s production`"
        steps = ", ".join(map(add.format, outside))
        raise HerokuFailure(f"{', '.join(outside)} not in it: {steps}")

    return f"{len(within)} apps"


def _strays(
    group: AppGroup, named: list[str], retired: list[str], scales: dict[str, dict[str, Scale]]
) -> str:
    """The other apps of the pipeline with the prefix: kept without dynos, or running unused."""
    existing = pipeline(group.client, group.pipeline, group.owner)
    within = coupled(group.client, existing) if existing else {}
    for app in apps(group.client):
        if app.name in named or (app.id in within and app.name.startswith(f"{group.prefix}-")):
            scales[app.name] = formation(group.client, app.name)

    priced, steps = [], []
    kept = sorted(set(scales) - set(named))
    for name in kept:
        if items := _items(name, scales[name], {}):
            priced.append(f"{name} (${bill(items).monthly:.2f} a month)")
            if name not in retired:
                steps.append(f"`heroku ps:scale web=0 -a {name}`")

    if priced:
        if len(steps) < len(priced):
            steps.insert(0, "`python deploy.py collect`")
        raise HerokuFailure(
            f"dynos of {', '.join(priced)} run; unless a deploy is under way now: "
            f"{', '.join(steps)}"
        )

    if kept:
        return f"{', '.join(kept)} kept without a dyno"
    return "nothing"


def _cost(group: AppGroup, scales: dict[str, dict[str, Scale]]) -> str:
    prices = dyno_prices(group.client)
    items: list[Item] = []
    for name in sorted(scales):
        items += _items(name, scales[name], prices)

    if (ordered := find_addon(group.client, group.router)) is not None:
        plan = ordered.plan.partition(":")[2]
        items.append(database_item(plan, addon_price(group.client, ordered.plan)))

    cost = bill(items)
    sizes = ", ".join(f"{item.what} {item.quantity} x {item.size}" for item in items)
    return (
        f"${cost.monthly:.2f} a month, ${cost.daily:.2f} a day, if always on ({sizes or 'nothing'})"
    )


def _items(name: str, scales: dict[str, Scale], prices: dict[str, float]) -> list[Item]:
    return [
        dyno_item(name, scale.size, scale.quantity, prices)
        for scale in scales.values()
        if scale.quantity
    ]
