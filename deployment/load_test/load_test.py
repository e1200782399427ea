"""`load`: sends a load test with the workspace's own mark, and judges it."""

import os
import secrets
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from deployment.load_test.address import address_of
from deployment.load_test.options import FIND_LIMIT, LoadOptions, shape_of, words_of
from deployment.load_test.rows import bodies_file
from deployment.workspace.errors import EdgeFailure
from deployment.workspace.ledger import newest_ledger
from deployment.workspace.secrets import read_secrets
from deployment.workspace.workspace import Workspace
from load.engine.plan import Signer
from load.generator_process import GeneratorFailed
from load.limit_search import MOST_STEPS
from load.limits import LoadLimits
from load.measurement import Measurement
from load.report.page import LoadPage, page
from load.run_load import LoadResult, LoadRunner, LoadShape, LoadTarget
from rollout.state.ledger import Ledger
from targets.base import Say
from wire.load_mark import mark_key

MOST_UNITS = 100_000


def load_test(
    workspace: Workspace,
    options: LoadOptions,
    follow: Callable[[Measurement], None],
    say: Say,
    report: Path | None = None,
) -> LoadResult:
    """Run a load test; raises BadOption, EdgeFailure, ContractBroken. report: a page to write."""
    settings = workspace.settings.load
    shape = shape_of(options, settings)
    ledger = newest_ledger(workspace)
    if shape.name == FIND_LIMIT:
        refuse_search(ledger)

    if report is not None:
        check_report(report)

    steps = MOST_STEPS if shape.name == FIND_LIMIT else 1
    address = address_of(workspace, options, steps * shape.seconds, say)
    limits = LoadLimits(settings.p50_ms, settings.p99_ms, settings.errors, settings.shed)
    with bodies_file(workspace, ledger, options.rows) as bodies:
        target = _target(workspace, options, shape, address, bodies)
        runner = LoadRunner(target, limits, follow)
        try:
            if shape.name == FIND_LIMIT:
                result = runner.find_limit(shape.rate, settings.max_rate, shape.seconds, say)
            else:
                result = runner.run(shape)
        except GeneratorFailed as error:
            raise EdgeFailure(f"the load could not be sent: {error}") from error

    if report is not None:
        at = datetime.now(UTC).isoformat(" ", "minutes")[: len("2026-01-01 12:00")]
        about = LoadPage(workspace.settings.model, words_of(shape), address, at)
        write_report(report, page(about, result, limits))

    return result


def _target(
    workspace: Workspace, options: LoadOptions, shape: LoadShape, address: str, bodies: Path
) -> LoadTarget:
    header = workspace.settings.router.unit.header
    units = min(shape.users or max(1, round(shape.rate)), MOST_UNITS)
    return LoadTarget(
        f"{address}/predict",
        str(bodies),
        header,
        units if header else 0,
        options.connections,
        new_signer(workspace),
        workspace.through if address.startswith("https:") else "",
    )


def check_report(report: Path) -> None:
    """Raise EdgeFailure, before anything is sent, where the page cannot be written."""
    if not report.parent.is_dir() or (report.exists() and not report.is_file()):
        raise EdgeFailure(f"--report {report} is no file in a folder that is there: name one")

    if not os.access(report if report.exists() else report.parent, os.W_OK):
        raise EdgeFailure(f"--report {report} may not be written by this user: name another file")


def write_report(report: Path, text: str) -> None:
    """Write the page; raises EdgeFailure."""
    try:
        report.write_text(text, encoding="utf-8")
    except OSError as error:
        raise EdgeFailure(
            f"--report {report} cannot be written ({error.strerror}): name another file"
        ) from error


def new_signer(workspace: Workspace) -> Signer:
    """Who signs the marks of a new run."""
    key = mark_key(read_secrets(workspace).token.encode(), workspace.settings.model)
    return Signer(secrets.token_hex(4), key)


def refuse_search(ledger: Ledger) -> None:
    """Raise EdgeFailure while a rollout is in progress: a search overloads what users share."""
    if ledger.rollout is not None:
        raise EdgeFailure(
            f"{ledger.rollout.candidate} is being rolled out, and find-limit overloads the stack "
            "on purpose: wait for the rollout's end, or send a rate that it bears with --rate"
        )
