"""Where a load test may go: this stack's router on a loopback address, or one that deploy.toml
names; where that costs, only after the bill was shown and accepted.
"""

import ipaddress
from urllib.parse import urlsplit

from deployment.load_test.options import LoadOptions
from deployment.router_client import check_model, url_of_router
from deployment.workspace.errors import EdgeFailure
from deployment.workspace.workspace import Workspace
from targets.base import Say
from targets.registry import open_target

HOURS_A_MONTH = 720


def address_of(workspace: Workspace, options: LoadOptions, lasts_s: float, say: Say) -> str:
    """The router's address without a path; raises EdgeFailure where it may not be loaded."""
    named = tuple(url.rstrip("/") for url in workspace.settings.load.addresses)
    if options.to is not None and options.to.rstrip("/") not in named:
        raise EdgeFailure(
            f"{options.to} is not in load.addresses of deploy.toml: add it there if it is yours"
        )

    if options.to is not None:
        address = options.to.rstrip("/")
    else:
        check_model(workspace)
        address = url_of_router(workspace).rstrip("/")

    if not is_loopback(address):
        _require_named(address, named)
        _require_paid(workspace, options, lasts_s, say)

    return address


def is_loopback(address: str) -> bool:
    """Whether an address is on this machine."""
    host = urlsplit(address).hostname or ""
    if host == "localhost":
        return True

    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _require_named(address: str, named: tuple[str, ...]) -> None:
    if address not in named:
        raise EdgeFailure(
            f"{address} is no address of this machine: name it in load.addresses of deploy.toml, "
            "then load it with --to"
        )


def _require_paid(workspace: Workspace, options: LoadOptions, lasts_s: float, say: Say) -> None:
    """Show the worst case of the bill where the target costs, and ask for consent."""
    with open_target(workspace, say) as target:
        bill = target.costs()

    if bill is None:
        return

    say("at worst all of this runs because of the load test:")
    for line in bill.lines:
        say(f"  {line}")

    hours = lasts_s / 3600
    share = bill.monthly * hours / HOURS_A_MONTH
    say(
        f"  in {hours:.2f} h of load ${share:.2f}, if it would not run otherwise; a load test "
        "orders nothing itself"
    )
    if not options.yes_this_costs:
        raise EdgeFailure(
            "nothing was sent: read the bill above, and add --yes-this-costs to accept it"
        )
