"""`load --engine locust`: the same rows, units and marks, sent by Locust in an environment of its
own.
"""

import os
from pathlib import Path

from deployment.load_test.address import address_of
from deployment.load_test.load_test import check_report, new_signer
from deployment.load_test.options import LoadOptions, shape_of
from deployment.load_test.rows import bodies_file
from deployment.workspace.errors import BadOption, EdgeFailure
from deployment.workspace.ledger import newest_ledger
from deployment.workspace.workspace import Workspace
from load.locust_process import (
    WEB_PORT,
    LocustFailed,
    LocustJob,
    LocustMissing,
    LocustRun,
    run_locust,
)
from targets.base import Say

USERS = 10


def locust_test(
    workspace: Workspace, options: LoadOptions, web: bool, say: Say, report: Path | None
) -> LocustRun:
    """Run Locust; raises BadOption, EdgeFailure. web: with its page, on this machine alone."""
    if options.rate is not None or options.shape != "constant":
        raise BadOption(
            "--engine locust has users who wait for their answers: give --users, and leave --rate "
            "and --shape out"
        )

    users = options.users or USERS
    shape = shape_of(options, workspace.settings.load)
    if report is not None:
        check_report(report)

    address = address_of(workspace, options, shape.seconds, say)
    if web:
        say(f"Locust's page: http://127.0.0.1:{WEB_PORT}")

    header, signer = workspace.settings.router.unit.header, new_signer(workspace)
    with bodies_file(workspace, newest_ledger(workspace), options.rows) as bodies:
        job = LocustJob(
            "/predict",
            str(bodies),
            header,
            users,
            signer.run,
            signer.key.hex(),
            shape.think_s,
            os.getpid(),
        )
        page = str(report.absolute()) if report is not None else ""
        try:
            return run_locust(job, address, users, shape.seconds, web, page)
        except LocustMissing as error:
            raise EdgeFailure(
                "Locust has no environment yet: `./scripts/setup.sh locust` makes it"
            ) from error
        except LocustFailed as error:
            raise EdgeFailure(f"Locust failed: {error}") from error
