"""`up` and `down` on Heroku: the router's app, the ledger's database, and the version's apps the
ledger says are live.

Every step looks first, so that a second run goes on where the first stopped and buys nothing twice.
"""

import os
import time
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from deployment.commands.executor import Say
from deployment.commands.garbage_collect import tidy
from deployment.readiness import NotAnswering, ask_once, probe_of
from deployment.router_client import wait_router
from deployment.workspace.bundles import delivered, read_release
from deployment.workspace.errors import EdgeFailure
from deployment.workspace.ledger import make_record, opened_record, read_ledger
from deployment.workspace.locks import held
from deployment.workspace.secrets import Secrets, make_secrets
from deployment.workspace.state_dir import make_folders
from deployment.workspace.workspace import Workspace
from rollout.state.ledger import Ledger, Version
from targets.heroku.api.addons import ensure_addon
from targets.heroku.api.apps import app
from targets.heroku.api.config_vars import config_vars
from targets.heroku.api.formation import Scale, formation, scale
from targets.heroku.api.pipelines import couple, coupled, ensure_pipeline, pipeline
from targets.heroku.app_group import AppGroup, house
from targets.heroku.build.app_config import router_vars, version_vars
from targets.heroku.build.release_pipeline import WEB
from targets.heroku.build.slug_source import router_slug
from targets.heroku.errors import HerokuFailure
from targets.heroku.sizes import Item, bill, check_quantity, database_item, dyno_item
from targets.local.stack import Stack

DATABASE_URL = "DATABASE_URL"


def up(place: Workspace, say: Say) -> Stack:
    """Bring the router's app up, or repair it; live versions are scaled up and asked for their
    golden rows.
    """
    began = time.monotonic()
    make_folders(place)
    with held(place, "up", "bringing this stack up or down"), house(place, say) as there:
        for line in bill(costs(place)):
            say(line)
        secrets = make_secrets(place)
        found, fresh = there.ensured(there.router)
        joined, _ = ensure_pipeline(there.client, there.pipeline, there.owner)
        couple(there.client, there.router, joined)
        place = replace(place, database_url=database(there))
        chain = there.chain(there.router)
        chain.configured(dict(router_vars(place, secrets)))
        make_record(place)
        live = chain.live(router_slug(place))
        _scale_router(there, place.settings.heroku.router_dynos)
        chain.up(live.release.version)
        place.url_file.parent.mkdir(parents=True, exist_ok=True)
        place.url_file.write_text(found.url)
        _wait_router(there, found.url)
        say(f"router at {found.url}")
        with opened_record(place) as store:
            ledger = read_ledger(store)
        failed = _versions(there, ledger, secrets)
        _end_strays(there, ledger)
        tidy(place, say)

    return Stack(
        found.url, not fresh, tuple(v.name for v in ledger.live()), failed, time.monotonic() - began
    )


def down(place: Workspace, say: Say) -> int:
    """Scale every app to nothing, the router first; apps, slugs and the database stay. Returns how
    many were scaled.
    """
    with held(place, "up", "bringing this stack up or down"), house(place, say) as there:
        live = {version.program for version in _ledger(place).live()}
        names = [there.router, *sorted(live | _coupled(there) - {there.router})]
        stopped = sum(_scaled_to_nothing(there, name) for name in names)

    place.url_file.unlink(missing_ok=True)
    if stopped:
        say(
            "the database stays, and its price: `heroku addons:destroy` removes it with all that "
            "is in it"
        )

    return stopped


def costs(place: Workspace, versions: int = 2) -> list[Item]:
    """What the router, its database and so many versions at once cost."""
    wanted = place.settings.heroku
    check_quantity(wanted.router_size, wanted.router_dynos)
    at_once = "1 version" if versions == 1 else f"{versions} versions at once"
    return [
        dyno_item("router", wanted.router_size, wanted.router_dynos),
        dyno_item(at_once, wanted.version_size, versions * wanted.version_dynos),
        database_item(wanted.postgres),
    ]


def database(there: AppGroup) -> str:
    """The ledger's database, ordered where there is none; its address is kept for acts while
    Heroku's API is away.
    """
    plan = f"heroku-postgresql:{there.place.settings.heroku.postgres}"
    ordered, fresh = ensure_addon(there.client, there.router, plan)
    if fresh:
        there.say(f"{there.router}: {plan} ordered")

    there.chain(there.router).provisioned(ordered)
    url = config_vars(there.client, there.router).get(DATABASE_URL, "")
    if not url:
        raise HerokuFailure(
            f"{there.router} has no {DATABASE_URL} although {ordered.name} is there: see `heroku "
            f"pg`"
        )

    keep(there.place.database_file, url)
    return url


def keep(path: Path, text: str) -> None:
    """Write a secret for this user alone; replaced as a whole."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = path.with_suffix(f".{os.getpid()}")
    with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(text)
    draft.replace(path)


def _scale_router(there: AppGroup, quantity: int) -> None:
    size = there.place.settings.heroku.router_size
    if scale(there.client, there.router, {WEB: Scale(quantity, size)}):
        there.say(f"{there.router}: {quantity} x {size}")


def _wait_router(there: AppGroup, url: str) -> None:
    # Its own words name a log file of this machine.
    try:
        wait_router(there.place, url, lambda: None)
    except EdgeFailure as error:
        raise HerokuFailure(
            f"the router does not answer at {url}: read `heroku logs -a {there.router}`, then "
            f"`python deploy.py up`"
        ) from error


def _coupled(there: AppGroup) -> set[str]:
    """Names of the apps in the pipeline."""
    found = pipeline(there.client, there.pipeline, there.owner)
    known = (app(there.client, id_) for id_ in coupled(there.client, found)) if found else ()
    return {each.name for each in known if each is not None}


def _scaled_to_nothing(there: AppGroup, name: str) -> bool:
    """Whether it had dynos. An app that is gone has none."""
    now = formation(there.client, name).get(WEB) if app(there.client, name) else None
    if now is None or not now.quantity:
        return False

    scale(there.client, name, {WEB: Scale(0, now.size)})
    there.say(f"{name}: no dynos any more")
    return True


def _end_strays(there: AppGroup, ledger: Ledger) -> None:
    """Scale to nothing what an interrupted start left behind: the first build of an app ends with a
    dyno.
    """
    versions = {there.version(name): name for name in delivered(there.place.releases)}
    for name in sorted(
        _coupled(there) - {there.router, *(version.program for version in ledger.live())}
    ):
        # Whoever starts that version at this moment holds its lock: then it is no stray.
        with suppress(EdgeFailure), held(there.place, versions.get(name, name), "starting it"):
            _scaled_to_nothing(there, name)


def _versions(there: AppGroup, ledger: Ledger, secrets: Secrets) -> dict[str, str]:
    """Repair what the ledger names: its config vars, its dynos. Returns those that do not answer,
    with the reason.
    """
    failed: dict[str, str] = {}
    for version in ledger.live():
        try:
            _version(there, version, secrets)
        except (EdgeFailure, NotAnswering) as error:
            failed[version.name] = str(error)
            there.say(f"{version.name} does not answer: {error}")

    return failed


def _version(there: AppGroup, version: Version, secrets: Secrets) -> None:
    wanted = there.place.settings.heroku
    there.standing(version)
    release = read_release(there.place.releases, version.name)
    there.chain(version.program).configured(dict(version_vars(there.place, release, secrets)))
    there.listened_to(version.name, version.program, secrets)
    if scale(
        there.client, version.program, {WEB: Scale(wanted.version_dynos, wanted.version_size)}
    ):
        there.say(f"{version.program}: {wanted.version_dynos} x {wanted.version_size}")

    there.chain(version.program).up(0)
    ask_once(probe_of(release, version.address, secrets.service), 30.0)
    there.say(f"{version.name} answers its golden rows")


def _ledger(place: Workspace) -> Ledger:
    with opened_record(place) as store:
        return read_ledger(store)
