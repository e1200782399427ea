"""`lint`: whether settings, bundles and ledger are fit to run. Reads and binds, changes nothing."""

import tomllib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial

from deployment.commands.strategy_options import configured_steps
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
from targets.base import LintCheck
from targets.procfile import KINDS, command
from targets.registry import open_target


@dataclass(frozen=True)
class Check:
    """The result of one check.

    fault: empty where all is well
    broken: whether a bundle or the ledger was changed or damaged
    warning: what works today and will not in the next version
    """

    what: str
    fault: str = ""
    broken: bool = False
    warning: str = ""


def lint(workspace: Workspace) -> list[Check]:
    """Every check, in order."""
    checks = list(_settings_checks(workspace))
    return [
        *_run(checks[:1]),
        *_renamed_settings(workspace),
        *_run([*checks[1:], *_target_checks(workspace)]),
    ]


def _run(checks: Iterable[LintCheck]) -> Iterator[Check]:
    for what, check in checks:
        yield _checked(what, check)


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


def _settings_checks(workspace: Workspace) -> Iterator[LintCheck]:
    yield "deploy.toml", partial(read_settings, workspace.config)
    yield "canary's steps", partial(configured_steps, workspace.settings.verdict)
    for kind in KINDS:
        yield f"Procfile: {kind}", partial(command, workspace.procfile, kind)

    yield "webhooks", partial(check_webhook_secret, workspace)


def _target_checks(workspace: Workspace) -> Iterator[LintCheck]:

    with open_target(workspace) as target:
        yield from target.lint_checks()
        for name in delivered(workspace.releases):
            yield f"bundle {name}", partial(_check_bundle, workspace, name)

        if target.lint_reads_ledger:
            yield "signals", partial(_check_signals, workspace)
            yield "ledger", partial(_check_ledger, workspace)


def _checked(what: str, check: Callable[[], object]) -> Check:
    try:
        check()
    except (ContractBroken, LedgerBroken) as error:
        return Check(what, str(error), broken=True)
    except (EdgeFailure, Refusal, StoreError) as error:
        return Check(what, str(error))

    return Check(what)


def _check_bundle(workspace: Workspace, name: str) -> None:
    release = read_release(workspace.releases, name)
    check_seal(release, workspace.public_key)
    check_belongs(release, workspace.settings.model)
    golden_rows(release)


def _check_ledger(workspace: Workspace) -> None:
    if _has_ledger(workspace):
        with opened_record(workspace) as store:
            store.verify()


def _check_signals(workspace: Workspace) -> None:
    """A required signal without any data would hold every rollout until its deadline."""
    if not workspace.settings.verdict.labels.required or not _has_ledger(workspace):
        return

    with opened(workspace) as database:
        if not FeedbackStore(database, workspace.settings.model).any():
            raise EdgeFailure(
                "verdict.labels is required and no label was ever sent: send some with `python "
                "deploy.py feedback FILE`, or set verdict.labels.required = false"
            )


def _has_ledger(workspace: Workspace) -> bool:
    """Whether there is a ledger to read; a database elsewhere is asked."""
    return not workspace.database_is_file or (workspace.state / "ledger.db").exists()
