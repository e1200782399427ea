"""Add-ons: the database of the ledger, made once and attached to the apps that need it."""

from dataclasses import dataclass
from typing import Any

from targets.heroku.api.client import Client

POSTGRES = "heroku-postgresql"
DATABASE = "DATABASE"


@dataclass(frozen=True)
class Addon:
    """One add-on.

    state: provisioning, provisioned or deprovisioned
    config_vars: the names it sets in its app
    """

    id: str
    name: str
    plan: str
    app: str
    state: str
    config_vars: tuple[str, ...]


def addon(client: Client, id_: str) -> Addon | None:
    """One add-on by id or name, None where there is none."""
    value = client.get_or_none(f"/addons/{id_}")
    if value is None:
        return None
    return addon_of(value)


def addons(client: Client, app: str) -> list[Addon]:
    """The add-ons that belong to an app or are attached to it."""
    return list(map(addon_of, client.list_all(f"/apps/{app}/addons")))


def find_addon(client: Client, app: str, service: str = POSTGRES) -> Addon | None:
    """The app's own add-on of a service, such as `heroku-postgresql`; None where it has none."""
    value = _find(client, app, service)
    if value is None:
        return None
    return addon_of(value)


def create_addon(client: Client, app: str, plan: str, attachment: str = DATABASE) -> Addon:
    """Order an add-on, such as `heroku-postgresql:essential-0`, which costs from now on.

    It may take minutes. A lost answer is looked for: the app has no second add-on of that service.
    """
    service = plan.partition(":")[0]
    body = {"plan": plan, "attachment": {"name": attachment}}
    return addon_of(
        client.post(f"/apps/{app}/addons", body, look=lambda: _find(client, app, service))
    )


def ensure_addon(
    client: Client, app: str, plan: str, attachment: str = DATABASE
) -> tuple[Addon, bool]:
    """The app's add-on of that service, ordered where there is none; and whether it was ordered."""
    existing = find_addon(client, app, plan.partition(":")[0])
    if existing:
        return existing, False
    return (create_addon(client, app, plan, attachment), True)


def attach(client: Client, addon: Addon, app: str, name: str = DATABASE) -> bool:
    """Let another app use an add-on, as NAME_URL, which makes a release there.

    Returns False where it was attached before.
    """

    def look() -> Any:
        for attachment in client.list_all(f"/apps/{app}/addon-attachments"):
            if attachment["addon"]["id"] == addon.id and attachment["name"] == name:
                return attachment
        return None

    if look() is not None:
        return False

    client.post(
        "/addon-attachments", {"addon": addon.id, "app": app, "confirm": app, "name": name}, look
    )
    return True


def _find(client: Client, app: str, service: str) -> Any:
    for addon in client.list_all(f"/apps/{app}/addons"):
        own = app in (addon["app"]["name"], addon["app"].get("id"))
        removed = addon["state"] in ("deprovisioned", "deprovisioning")
        if own and not removed and addon["addon_service"]["name"] == service:
            return addon

    return None


def addon_of(value: Any) -> Addon:
    """An add-on from its JSON."""
    return Addon(
        id=value["id"],
        name=value["name"],
        plan=value["plan"]["name"],
        app=value["app"]["name"],
        state=value["state"],
        config_vars=tuple(value.get("config_vars") or ()),
    )
