"""Formation: how many dynos of which size run each process type of an app."""

from collections.abc import Mapping
from dataclasses import dataclass

from targets.heroku.api.client import Client


@dataclass(frozen=True)
class Scale:
    """quantity: dynos, 0 for none; size: such as `Basic` or `Standard-1X`."""

    quantity: int
    size: str


def formation(client: Client, app: str) -> dict[str, Scale]:
    """Scale by process type; empty before the first release with a slug."""
    processes = client.list_all(f"/apps/{app}/formation")
    scales = {}
    for process in processes:
        size = process["dyno_size"]["name"]
        scales[process["type"]] = Scale(int(process["quantity"]), size)
    return scales


def scale(client: Client, app: str, desired: Mapping[str, Scale]) -> bool:
    """Bring process types to their scale in one request; returns whether anything changed.

    Nothing is sent where nothing changes, since to resize restarts dynos. It makes no release.
    """
    now = formation(client, app)
    updates = []
    for kind, target in desired.items():
        if not _same(now.get(kind), target):
            size = {"name": target.size}
            updates.append({"type": kind, "quantity": target.quantity, "dyno_size": size})

    if not updates:
        return False

    client.patch(f"/apps/{app}/formation", {"updates": updates})
    return True


def _same(now: Scale | None, desired: Scale) -> bool:
    return (
        now is not None
        and now.quantity == desired.quantity
        and now.size.lower() == desired.size.lower()
    )
