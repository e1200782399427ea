"""`lint`: is what lies here fit to run, here or on Heroku? Reads and binds, changes nothing."""

import os
import socket
import tomllib
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
from rollout.renamed_settings import with_current_names
from store import FeedbackStore, LedgerBroken, StoreError
from targets.local.procfile import KINDS, command
from targets.local.programs import router_program
from targets.local.supervisord_conf import program_conf, supervisor_conf
from targets.registry import on_heroku


@dataclass(frozen=True)
class Check:
    """One finding. fault: empty where all is well; broken: a bundle or the record is not what it
    was; warning: what still works and will not for long.
    """

    what: str
    fault: str = ""
    broken: bool = False
    warning: str = ""


def lint(workspace: Workspace) -> list[Check]:
    """Every check, in order."""
    checks = [
        _checked("deploy.toml", lambda: read_settings(workspace.config)),
        *_renamed_settings(workspace),
        _checked("canary's steps", lambda: configured_steps(workspace.settings.verdict)),
        *(
            _checked(f"Procfile: {kind}", partial(command, workspace.procfile, kind))
            for kind in KINDS
        ),
        _checked("webhooks", lambda: check_webhook_secret(workspace)),
    ]
    return [
        *checks,
        *(_on_heroku(workspace) if on_heroku(workspace) else _on_this_machine(workspace)),
    ]


def _renamed_settings(workspace: Workspace) -> Iterator[Check]:
    try:
        _, renamed = with_current_names(tomllib.loads(workspace.config.read_text()))
    except (OSError, ValueError, Refusal):
        # The check of deploy.toml itself says so.
        return

    for setting in renamed:
        warning = (
            f"'{setting.old}' is now called '{setting.new}': rename it, the next version of Sluice "
            f"does not read the old name"
        )
        yield Check("deploy.toml", warning=warning)


def _on_this_machine(workspace: Workspace) -> Iterator[Check]:
    yield _checked("state folder", lambda: _check_state(workspace))
    yield _checked("signals", lambda: _check_signals(workspace))
    yield _checked("router's address", lambda: _check_address(workspace))
    yield from _bundles(workspace)
    yield _checked("ledger", lambda: _check_ledger(workspace))


def _on_heroku(workspace: Workspace) -> Iterator[Check]:
    """Without the network: the record lies behind it, and `doctor` checks it."""
    from targets.heroku.lint import checks

    yield _checked("state folder", lambda: _check_writable(workspace))
    yield from _bundles(workspace)
    yield from (_checked(what, check) for what, check in checks(workspace))


def _checked(what: str, check: Callable[[], object]) -> Check:
    try:
        check()
    except (ContractBroken, LedgerBroken) as error:
        return Check(what, str(error), broken=True)
    except (EdgeFailure, Refusal, StoreError) as error:
        return Check(what, str(error))

    return Check(what)


def _bundles(workspace: Workspace) -> Iterator[Check]:
    for name in delivered(workspace.releases):
        yield _checked(f"bundle {name}", partial(_check_bundle, workspace, name))


def _check_bundle(workspace: Workspace, name: str) -> None:
    release = read_release(workspace.releases, name)
    check_seal(release, workspace.public_key)
    check_belongs(release, workspace.settings.model)
    golden_rows(release)


def _check_ledger(workspace: Workspace) -> None:
    if not workspace.database_is_file or (workspace.state / "ledger.db").exists():
        with opened_record(workspace) as store:
            store.verify()


def _check_signals(workspace: Workspace) -> None:
    """A required signal that nothing was ever sent for would hold every rollout until its
    deadline.
    """
    if not workspace.settings.verdict.labels.required:
        return
    if workspace.database_is_file and not (workspace.state / "ledger.db").exists():
        return

    with opened(workspace) as database:
        if not FeedbackStore(database, workspace.settings.model).any():
            raise EdgeFailure(
                "verdict.labels is required and no label ever came: send some with `python "
                "deploy.py feedback FILE`, "
                "or set verdict.labels.required = false"
            )


def _check_state(workspace: Workspace) -> None:
    supervisor_conf(workspace)
    program_conf(workspace, router_program(workspace, 0))
    _check_writable(workspace)


def _check_writable(workspace: Workspace) -> None:
    above = next(
        folder for folder in (workspace.state, *workspace.state.parents) if folder.exists()
    )
    if not os.access(above, os.W_OK):
        raise EdgeFailure(f"{above} cannot be written by this user: set SLUICE_STATE elsewhere")


def _check_address(workspace: Workspace) -> None:
    host, port = (
        workspace.settings.router.host,
        workspace.settings.router.port if workspace.port is None else workspace.port,
    )
    if router_url(workspace) is not None:
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
