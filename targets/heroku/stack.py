"""`up` and `down` on Heroku: the router's app, the ledger's database, the apps of live versions.

Every step looks first, so that a second run continues where the first stopped and buys nothing
twice."""

import os
import time
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path

from deployment.readiness import NotAnswering, ask_once, probe_of
from deployment.router_client import wait_router
from deployment.workspace.bundles import delivered, read_release
from deployment.workspace.errors import EdgeFailure
from deployment.workspace.ledger import make_record, newest_ledger
from deployment.workspace.locks import held
from deployment.workspace.secrets import Secrets, make_secrets
from deployment.workspace.state_dir import make_folders
from deployment.workspace.workspace import Workspace
from rollout.state.ledger import Ledger, Version
from targets.base import TWO_VERSIONS, Say, Stack
from targets.heroku.api.addons import ensure_addon
from targets.heroku.api.apps import app
from targets.heroku.api.config_vars import config_vars
from targets.heroku.api.formation import Scale, formation, scale
from targets.heroku.api.pipelines import couple, coupled, ensure_pipeline, pipeline
from targets.heroku.app_group import AppGroup, open_app_group
from targets.heroku.build.app_config import router_vars, version_vars
from targets.heroku.build.release_pipeline import WEB
from targets.heroku.build.slug_source import router_slug
from targets.heroku.errors import HerokuFailure
from targets.heroku.sizes import Item, bill, check_quantity, database_item, dyno_item

DATABASE_URL = "DATABASE_URL"


def up(workspace: Workspace, say: Say) -> Stack:
    """Bring the router's app up, or repair it; then scale the live versions and check them."""
    began = time.monotonic()
    make_folders(workspace)
    with (
        held(workspace, "up", "bringing this stack up or down"),
        open_app_group(workspace, say) as group,
    ):
        for line in bill(costs(workspace)).lines:
            say(line)
        secrets = make_secrets(workspace)
        router, created = group.ensure_app(group.router)
        joined, _ = ensure_pipeline(group.client, group.pipeline, group.owner)
        couple(group.client, group.router, joined)
        workspace = replace(workspace, database_url=database(group))
        releases = group.release_pipeline(group.router)
        releases.configure(dict(router_vars(workspace, secrets)))
        make_record(workspace)
        live = releases.build_and_release(router_slug(workspace))
        _scale_router(group, workspace.settings.heroku.router_dynos)
        releases.wait_up(live.release.version)
        workspace.url_file.parent.mkdir(parents=True, exist_ok=True)
        workspace.url_file.write_text(router.url)
        _wait_router(group, router.url)
        say(f"router at {router.url}")
        ledger = newest_ledger(workspace)
        failed = _versions(group, ledger, secrets)
        _end_strays(group, ledger)

    return Stack(
        router.url,
        not created,
        tuple(v.name for v in ledger.live()),
        failed,
        time.monotonic() - began,
    )


def down(workspace: Workspace, say: Say) -> int:
    """Scale every app to zero, the router first; returns how many were scaled.

    Apps, slugs and the database stay.
    """
    with (
        held(workspace, "up", "bringing this stack up or down"),
        open_app_group(workspace, say) as group,
    ):
        live = {version.program for version in newest_ledger(workspace).live()}
        names = [group.router, *sorted(live | _coupled(group) - {group.router})]
        stopped = sum(_scaled_to_zero(group, name) for name in names)

    workspace.url_file.unlink(missing_ok=True)
    if stopped:
        say(
            "the database stays, and its price: `heroku addons:destroy` removes it with all that "
            "is in it"
        )

    return stopped


def costs(workspace: Workspace, versions: int = TWO_VERSIONS) -> list[Item]:
    """What the router, its database and so many versions at once cost."""
    settings = workspace.settings.heroku
    check_quantity(settings.router_size, settings.router_dynos)
    at_once = f"{versions} versions at once"
    if versions == 1:
        at_once = "1 version"

    return [
        dyno_item("router", settings.router_size, settings.router_dynos),
        dyno_item(at_once, settings.version_size, versions * settings.version_dynos),
        database_item(settings.postgres),
    ]


def database(group: AppGroup) -> str:
    """The address of the ledger's database, which is ordered where there is none.

    The address is kept in a file, so that acts on the ledger do not need Heroku's API.
    """
    plan = f"heroku-postgresql:{group.workspace.settings.heroku.postgres}"
    ordered, created = ensure_addon(group.client, group.router, plan)
    if created:
        group.say(f"{group.router}: {plan} ordered")

    group.release_pipeline(group.router).wait_provisioned(ordered)
    url = config_vars(group.client, group.router).get(DATABASE_URL, "")
    if not url:
        raise HerokuFailure(
            f"{group.router} has no {DATABASE_URL} although {ordered.name} is there: see `heroku "
            "pg`"
        )

    write_secret(group.workspace.database_file, url)
    return url


def write_secret(path: Path, text: str) -> None:
    """Write a secret for this user alone, in one step."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = path.with_suffix(f".{os.getpid()}")
    with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(text)
    draft.replace(path)


def _scale_router(group: AppGroup, quantity: int) -> None:
    size = group.workspace.settings.heroku.router_size
    if scale(group.client, group.router, {WEB: Scale(quantity, size)}):
        group.say(f"{group.router}: {quantity} x {size}")


def _wait_router(group: AppGroup, url: str) -> None:
    # Its own message names a log file of this machine.
    try:
        wait_router(group.workspace, url, lambda: None)
    except EdgeFailure as error:
        raise HerokuFailure(
            f"the router does not answer at {url}: read `heroku logs -a {group.router}`, then "
            "`python deploy.py up`"
        ) from error


def _coupled(group: AppGroup) -> set[str]:
    """Names of the apps in the pipeline."""
    existing = pipeline(group.client, group.pipeline, group.owner)
    if existing is None:
        return set()

    apps = map(partial(app, group.client), coupled(group.client, existing))
    return {app.name for app in apps if app is not None}


def _scaled_to_zero(group: AppGroup, name: str) -> bool:
    """Whether the app had dynos; a deleted one has none."""
    if app(group.client, name) is None:
        return False
    now = formation(group.client, name).get(WEB)
    if now is None or not now.quantity:
        return False

    scale(group.client, name, {WEB: Scale(0, now.size)})
    group.say(f"{name}: scaled to zero")
    return True


def _end_strays(group: AppGroup, ledger: Ledger) -> None:
    """Scale to zero what an interrupted start left: the first build of an app starts a dyno."""
    versions = {group.version(name): name for name in delivered(group.workspace.releases)}
    named = {group.router, *(version.program for version in ledger.live())}
    for name in sorted(_coupled(group) - named):
        # Whoever starts that version at this moment holds its lock: then it is no stray.
        with suppress(EdgeFailure), held(group.workspace, versions.get(name, name), "starting it"):
            _scaled_to_zero(group, name)


def _versions(group: AppGroup, ledger: Ledger, secrets: Secrets) -> dict[str, str]:
    """Repair the live versions' config vars and dynos.

    Returns those that do not answer, with the reason.
    """
    failed: dict[str, str] = {}
    for version in ledger.live():
        try:
            _version(group, version, secrets)
        except (EdgeFailure, NotAnswering) as error:
            failed[version.name] = str(error)
            group.say(f"{version.name} does not answer: {error}")

    return failed


def _version(group: AppGroup, version: Version, secrets: Secrets) -> None:
    settings = group.workspace.settings.heroku
    group.standing(version)
    release = read_release(group.workspace.releases, version.name)
    group.release_pipeline(version.program).configure(
        dict(version_vars(group.workspace, release, secrets))
    )
    group.ensure_log_drain(version.name, version.program, secrets)
    if scale(
        group.client, version.program, {WEB: Scale(settings.version_dynos, settings.version_size)}
    ):
        group.say(f"{version.program}: {settings.version_dynos} x {settings.version_size}")

    group.release_pipeline(version.program).wait_up(0)
    ask_once(probe_of(release, version.address, secrets.service), 30.0)
    group.say(f"{version.name} answers its golden rows")
