"""Add-ons and their attachments. Only heroku-postgresql is provided."""

import re

from emulator.addons import databases
from emulator.addons.databases import Databases
from emulator.api.call import Call, Reply, Route
from emulator.api.errors import invalid, not_emulated, not_found
from emulator.model import plans, serializers
from emulator.model.state import Addon, App, Attachment

NAME = re.compile(r"[A-Z][A-Z0-9_]*")


def create(call: Call) -> Reply:
    """Answers while it is being provided; its config var, a release and a restart come later."""
    app, asked = call.app(), _plan_of(call)
    plan = plans.find(asked)
    if plan is None:
        raise not_emulated(
            f"the add-on {asked[:60]!r}; there is {', '.join(plans.CENTS)} of {plans.SERVICE}"
        )

    if missing := Databases.missing():
        raise not_emulated(missing)

    place = str(call.part("attachment").get("name") or "DATABASE")
    _check(call, app, place)
    name = call.text("name")
    if name and any(each.name == name for each in call.platform.world.addons.values()):
        raise invalid(f"Name {name} is already taken")

    addon = call.platform.addons.buy(app, call.account, plan, place, name)
    return Reply(_shape(call, addon), 201)


def _plan_of(call: Call) -> str:
    """By its name, or as an object with it, as Heroku's own client says it."""
    plan = call.body.get("plan")
    if isinstance(plan, dict):
        return str(plan.get("name") or plan.get("id") or "")
    return call.text("plan")


def database(call: Call) -> Reply:
    """What `heroku pg:info` shows, which asks Heroku's data API: here under the same address."""
    addon = _find(call, call.params[0])
    if addon.state != "provisioned":
        raise not_found("database")

    size, tables, connections, version = databases.described(addon.config["URL"])
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
    """All of the caller's."""
    mine = [each for each in call.platform.world.addons.values() if each.app.owner is call.account]
    return Reply([_shape(call, each) for each in mine], keys=("id", "name"))


def of_app(call: Call) -> Reply:
    """An app's own."""
    app = call.app()
    mine = [each for each in call.platform.world.addons.values() if each.app is app]
    return Reply([_shape(call, each) for each in mine], keys=("id", "name"))


def info(call: Call) -> Reply:
    """One, by id or name."""
    return Reply(_shape(call, _find(call, call.params[-1])))


def delete(call: Call) -> Reply:
    """With its data and all its attachments."""
    call.app()
    addon = _find(call, call.params[1])
    shown = _shape(call, addon)
    call.platform.addons.give_back(addon, call.account)
    return Reply({**shown, "state": "deprovisioned"})


def attach(call: Call) -> Reply:
    """Share an add-on with another app."""
    addon, app = _find(call, call.text("addon")), call.app(call.text("app"))
    name = call.text("name") or "DATABASE"
    _check(call, app, name)
    return Reply(
        serializers.attachment(call.platform.addons.attach(addon, app, call.account, name)), 201
    )


def attachments(call: Call) -> Reply:
    """All of the caller's."""
    mine = [
        each for each in call.platform.world.attachments.values() if each.app.owner is call.account
    ]
    return Reply([serializers.attachment(each) for each in mine], keys=("id", "name"))


def attachments_of_app(call: Call) -> Reply:
    """An app's."""
    app = call.app()
    mine = [each for each in call.platform.world.attachments.values() if each.app is app]
    included = {each.id: serializers.inclusions(each) for each in mine}
    return Reply(
        [serializers.attachment(each) for each in mine], keys=("id", "name"), included=included
    )


def attachments_of_addon(call: Call) -> Reply:
    """An add-on's."""
    addon = _find(call, call.params[0])
    mine = [each for each in call.platform.world.attachments.values() if each.addon is addon]
    return Reply([serializers.attachment(each) for each in mine], keys=("id", "name"))


def attachment(call: Call) -> Reply:
    """One."""
    return Reply(serializers.attachment(_place(call)))


def attachment_of_app(call: Call) -> Reply:
    """One by its name within an app, or its id."""
    app, word = call.app(), call.params[1]
    mine = (each for each in call.platform.world.attachments.values() if each.app is app)
    found = next((each for each in mine if word in (each.id, each.name)), None)
    if found is None:
        raise not_found("attachment")

    return Reply(serializers.attachment(found))


def detach(call: Call) -> Reply:
    """The app loses its config vars; the add-on stays."""
    place = _place(call)
    call.platform.addons.detach(place, call.account)
    return Reply(serializers.attachment(place))


def plan(call: Call) -> Reply:
    """With its price a month."""
    found = plans.find(call.params[-1])
    if found is None or (len(call.params) > 1 and call.params[0] != plans.SERVICE):
        raise not_found("plan")
    return Reply(plans.shape(found))


def plan_list(call: Call) -> Reply:
    """All of a service."""
    if call.params[0] != plans.SERVICE:
        raise not_found("add_on_service")
    return Reply(
        [plans.shape(f"{plans.SERVICE}:{name}") for name in plans.CENTS], keys=("id", "name")
    )


def _check(call: Call, app: App, name: str) -> None:
    if not NAME.fullmatch(name):
        raise invalid("The attachment's name must be capital letters, digits and underscores.")

    if any(
        each.app is app and each.name == name for each in call.platform.world.attachments.values()
    ):
        raise invalid(f"The attachment {name} is already used on {app.name}.")


def _find(call: Call, word: str) -> Addon:
    mine = (each for each in call.platform.world.addons.values() if each.app.owner is call.account)
    found = next((each for each in mine if word in (each.id, each.name)), None)
    if found is None:
        raise not_found("add_on")
    return found


def _place(call: Call) -> Attachment:
    found = call.platform.world.attachments.get(call.params[0])
    if found is None or found.app.owner is not call.account:
        raise not_found("attachment")
    return found


def _shape(call: Call, addon: Addon) -> dict[str, object]:
    return serializers.addon(addon, list(call.platform.world.attachments.values()))


ROUTES: list[Route] = [
    ("GET", "/plans/{}", plan),
    ("GET", "/addon-services/{}/plans", plan_list),
    ("GET", "/addon-services/{}/plans/{}", plan),
    ("GET", "/client/v11/databases/{}", database),
    ("GET", "/addons", listed),
    ("GET", "/addons/{}", info),
    ("GET", "/addons/{}/addon-attachments", attachments_of_addon),
    ("POST", "/apps/{}/addons", create),
    ("GET", "/apps/{}/addons", of_app),
    ("GET", "/apps/{}/addons/{}", info),
    ("DELETE", "/apps/{}/addons/{}", delete),
    ("POST", "/addon-attachments", attach),
    ("GET", "/addon-attachments", attachments),
    ("GET", "/addon-attachments/{}", attachment),
    ("DELETE", "/addon-attachments/{}", detach),
    ("GET", "/apps/{}/addon-attachments", attachments_of_app),
    ("GET", "/apps/{}/addon-attachments/{}", attachment_of_app),
]
