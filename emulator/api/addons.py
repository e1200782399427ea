"""Add-ons and their attachments. Only heroku-postgresql is provided."""

import re
from functools import partial

from emulator.addons import databases
from emulator.addons.databases import Databases
from emulator.api.call import Call, Reply, Route
from emulator.api.errors import invalid, not_emulated, not_found
from emulator.model import plans, serializers
from emulator.model.app import Addon, App, Attachment
from emulator.model.state import by_id_or_name, of_account, of_app

NAME = re.compile(r"[A-Z][A-Z0-9_]*")
KEYS = ("id", "name")


def create(call: Call) -> Reply:
    """Begin to provide one; its config var, a release and a restart come later."""
    app, requested = call.app(), _plan_of(call)
    plan = plans.find(requested)
    if plan is None:
        raise not_emulated(
            f"the add-on {requested[:60]!r}; there is {', '.join(plans.CENTS)} of {plans.SERVICE}"
        )

    if missing := Databases.missing():
        raise not_emulated(missing)

    attachment_name = str(call.part("attachment").get("name") or "DATABASE")
    _check_attachment(call, app, attachment_name)
    name = call.text("name")
    if name and any(addon.name == name for addon in call.state.addons.values()):
        raise invalid(f"Name {name} is already taken")

    addon = call.platform.addons.create(app, call.account, plan, attachment_name, name)
    return Reply(_serialize(call, addon), 201)


def _plan_of(call: Call) -> str:
    """The requested plan: a name, or an object with one, as Heroku's own client sends it."""
    plan = call.body.get("plan")
    if isinstance(plan, dict):
        return str(plan.get("name") or plan.get("id") or "")
    return call.text("plan")


def database(call: Call) -> Reply:
    """What `heroku pg:info` shows. It asks Heroku's data API: here under the same address."""
    addon = _find(call, call.params[0])
    if addon.state != "provisioned":
        raise not_found("database")

    size, tables, connections, version = databases.describe(addon.config["URL"])
    facts = {
        "Plan": addon.plan.partition(":")[2].replace("-", " ").title(),
        "Status": "Available",
        "Data Size": size,
        "Tables": str(tables),
        "PG Version": version,
        "Connections": str(connections),
        "Created": addon.created_at,
    }
    shown = [{"name": name, "values": [value]} for name, value in facts.items()]
    return Reply({"info": shown, "resource_url": addon.config["URL"]})


def listed(call: Call) -> Reply:
    """All add-ons of the caller."""
    return _listing(call, of_account(call.state.addons, call.account))


def listed_of_app(call: Call) -> Reply:
    """An app's own add-ons."""
    return _listing(call, of_app(call.state.addons, call.app()))


def _listing(call: Call, addons: list[Addon]) -> Reply:
    return Reply.listing(partial(_serialize, call), addons, KEYS)


def info(call: Call) -> Reply:
    """One add-on, by id or name."""
    return Reply(_serialize(call, _find(call, call.params[-1])))


def delete(call: Call) -> Reply:
    """Delete an add-on with its data and all its attachments."""
    call.app()
    addon = _find(call, call.params[1])
    shown = _serialize(call, addon)
    call.platform.addons.delete(addon, call.account)
    return Reply({**shown, "state": "deprovisioned"})


def attach(call: Call) -> Reply:
    """Share an add-on with another app."""
    addon, app = _find(call, call.text("addon")), call.app(call.text("app"))
    name = call.text("name") or "DATABASE"
    _check_attachment(call, app, name)

    attachment = call.platform.addons.attach(addon, app, call.account, name)
    return Reply(serializers.attachment(attachment), 201)


def attachments(call: Call) -> Reply:
    """All attachments of the caller's apps."""
    attachments = of_account(call.state.attachments, call.account)
    return Reply.listing(serializers.attachment, attachments, KEYS)


def attachments_of_app(call: Call) -> Reply:
    """An app's attachments."""
    attachments = of_app(call.state.attachments, call.app())
    reply = Reply.listing(serializers.attachment, attachments, KEYS)
    for attachment in attachments:
        reply.included[attachment.id] = serializers.inclusions(attachment)

    return reply


def attachments_of_addon(call: Call) -> Reply:
    """An add-on's attachments."""
    attachments = call.state.attachments_of_addon(_find(call, call.params[0]))
    return Reply.listing(serializers.attachment, attachments, KEYS)


def attachment(call: Call) -> Reply:
    """One attachment."""
    return Reply(serializers.attachment(_find_attachment(call)))


def attachment_of_app(call: Call) -> Reply:
    """One attachment by its name within an app, or its id."""
    attachment = by_id_or_name(of_app(call.state.attachments, call.app()), call.params[1])
    if attachment is None:
        raise not_found("attachment")

    return Reply(serializers.attachment(attachment))


def detach(call: Call) -> Reply:
    """Remove an attachment and its config vars from an app; the add-on stays."""
    attachment = _find_attachment(call)
    call.platform.addons.detach(attachment, call.account)
    return Reply(serializers.attachment(attachment))


def plan(call: Call) -> Reply:
    """A plan with its price a month."""
    name = plans.find(call.params[-1])
    if name is None or (len(call.params) > 1 and call.params[0] != plans.SERVICE):
        raise not_found("plan")
    return Reply(plans.serialize(name))


def plan_list(call: Call) -> Reply:
    """All plans of a service."""
    if call.params[0] != plans.SERVICE:
        raise not_found("add_on_service")
    return Reply.listing(plans.serialize, [f"{plans.SERVICE}:{name}" for name in plans.CENTS], KEYS)


def _check_attachment(call: Call, app: App, name: str) -> None:
    if not NAME.fullmatch(name):
        raise invalid("The attachment's name must be capital letters, digits and underscores.")

    for attachment in of_app(call.state.attachments, app):
        if attachment.name == name:
            raise invalid(f"The attachment {name} is already used on {app.name}.")


def _find(call: Call, word: str) -> Addon:
    addon = by_id_or_name(of_account(call.state.addons, call.account), word)
    if addon is None:
        raise not_found("add_on")
    return addon


def _find_attachment(call: Call) -> Attachment:
    attachment = call.state.attachments.get(call.params[0])
    if attachment is None or attachment.app.owner is not call.account:
        raise not_found("attachment")
    return attachment


def _serialize(call: Call, addon: Addon) -> dict[str, object]:
    return serializers.addon(addon, call.state.attachments_of_addon(addon))


ROUTES: list[Route] = [
    ("GET", "/plans/{}", plan),
    ("GET", "/addon-services/{}/plans", plan_list),
    ("GET", "/addon-services/{}/plans/{}", plan),
    ("GET", "/client/v11/databases/{}", database),
    ("GET", "/addons", listed),
    ("GET", "/addons/{}", info),
    ("GET", "/addons/{}/addon-attachments", attachments_of_addon),
    ("POST", "/apps/{}/addons", create),
    ("GET", "/apps/{}/addons", listed_of_app),
    ("GET", "/apps/{}/addons/{}", info),
    ("DELETE", "/apps/{}/addons/{}", delete),
    ("POST", "/addon-attachments", attach),
    ("GET", "/addon-attachments", attachments),
    ("GET", "/addon-attachments/{}", attachment),
    ("DELETE", "/addon-attachments/{}", detach),
    ("GET", "/apps/{}/addon-attachments", attachments_of_app),
    ("GET", "/apps/{}/addon-attachments/{}", attachment_of_app),
]
