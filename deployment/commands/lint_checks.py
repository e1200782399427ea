"""`lint`: is what lies here fit to run, here or on Heroku? Reads and binds, changes nothing."""

import os
import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

from deployment.commands.strategy_options import configured_steps
from deployment.router_client import router_url
from deployment.workspace.bundles import (
    check_belongs,
    check_seal,
    delivered,
    golden_rows,
    read_release,
)
from deployment.workspace.errors import ContractBroken, EdgeFailure
from deployment.workspace.ledger import opened, opened_record
from deployment.workspace.secrets import check_webhook_secret
from deployment.workspace.workspace import Workspace, read_settings
from rollout.errors import Refusal
from store import FeedbackStore, LedgerBroken, StoreError
from targets.local.procfile import KINDS, command
from targets.local.programs import router_program
from targets.local.supervisord_conf import program_conf, supervisor_conf
from targets.registry import on_heroku


@dataclass(frozen=True)
class Check:
    """One finding. fault: empty where all is well; broken: a bundle or the record is not what it
    was.
    """

    what: str
    fault: str = ""
    broken: bool = False


def lint(place: Workspace) -> list[Check]:
    """Every check, in order."""
    checks = [
        _checked("deploy.toml", lambda: read_settings(place.config)),
        _checked("canary's steps", lambda: configured_steps(place.settings.verdict)),
        *(_checked(f"Procfile: {kind}", partial(command, place.procfile, kind)) for kind in KINDS),
        _checked("webhooks", lambda: check_webhook_secret(place)),
    ]
    return [*checks, *(_on_heroku(place) if on_heroku(place) else _on_this_machine(place))]


def _on_this_machine(place: Workspace) -> Iterator[Check]:
    yield _checked("state folder", lambda: _check_state(place))
    yield _checked("signals", lambda: _check_signals(place))
    yield _checked("router's address", lambda: _check_address(place))
    yield from _bundles(place)
    yield _checked("ledger", lambda: _check_ledger(place))


def _on_heroku(place: Workspace) -> Iterator[Check]:
    """Without the network: the record lies behind it, and `doctor` checks it."""
    from targets.heroku.lint import checks

    yield _checked("state folder", lambda: _check_writable(place))
    yield from _bundles(place)
    yield from (_checked(what, check) for what, check in checks(place))


def _checked(what: str, check: Callable[[], object]) -> Check:
    try:
        check()
    except (ContractBroken, LedgerBroken) as error:
        return Check(what, str(error), broken=True)
    except (EdgeFailure, Refusal, StoreError) as error:
        return Check(what, str(error))

    return Check(what)


def _bundles(place: Workspace) -> Iterator[Check]:
    for name in delivered(place.releases):
        yield _checked(f"bundle {name}", partial(_check_bundle, place, name))


def _check_bundle(place: Workspace, name: str) -> None:
    release = read_release(place.releases, name)
    check_seal(release, place.public_key)
    check_belongs(release, place.settings.model)
    golden_rows(release)


def _check_ledger(place: Workspace) -> None:
    if not place.database_is_file or (place.state / "ledger.db").exists():
        with opened_record(place) as store:
            store.verify()


def _check_signals(place: Workspace) -> None:
    """A required signal that nothing was ever sent for would hold every rollout until its
    deadline.
    """
    if not place.settings.verdict.labels.required:
        return
    if place.database_is_file and not (place.state / "ledger.db").exists():
        return

    with opened(place) as database:
        if not FeedbackStore(database, place.settings.model).any():
            raise EdgeFailure(
                "verdict.labels is required and no label ever came: send some with `python "
                "deploy.py feedback FILE`, "
                "or set verdict.labels.required = false"
            )


def _check_state(place: Workspace) -> None:
    supervisor_conf(place)
    program_conf(place, router_program(place, 0))
    _check_writable(place)


def _check_writable(place: Workspace) -> None:
    above = next(folder for folder in (place.state, *place.state.parents) if folder.exists())
    if not os.access(above, os.W_OK):
        raise EdgeFailure(f"{above} cannot be written by this user: set SLUICE_STATE elsewhere")


def _check_address(place: Workspace) -> None:
    host, port = (
        place.settings.router.host,
        place.settings.router.port if place.port is None else place.port,
    )
    if router_url(place) is not None:
        return

    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise EdgeFailure(
                f"{host}:{port} cannot be used ({error.strerror}): change router.port or "
                f"router.host"
            ) from error
