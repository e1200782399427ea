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
    found = client.listed(f"/apps/{app}/formation")
    return {each["type"]: Scale(int(each["quantity"]), each["dyno_size"]["name"]) for each in found}


def scale(client: Client, app: str, wanted: Mapping[str, Scale]) -> bool:
    """Bring the named types to their scale in one request; returns whether anything had to change.

    Nothing is sent where all is as wanted: to resize restarts dynos. It makes no release.
    """
    now = formation(client, app)
    changed = {kind: to for kind, to in wanted.items() if not _same(now.get(kind), to)}
    if not changed:
        return False

    updates = [
        {"type": kind, "quantity": to.quantity, "dyno_size": {"name": to.size}}
        for kind, to in changed.items()
    ]
    client.patch(f"/apps/{app}/formation", {"updates": updates})
    return True


def _same(now: Scale | None, wanted: Scale) -> bool:
    return (
        now is not None
        and now.quantity == wanted.quantity
        and now.size.lower() == wanted.size.lower()
    )
