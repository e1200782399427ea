"""Plans of heroku-postgresql, with their price a month in cents."""

from typing import Any

from emulator.model.ids import fixed_id

SERVICE = "heroku-postgresql"
CENTS = {
    "essential-0": 500,
    "essential-1": 900,
    "essential-2": 2000,
    "standard-0": 5000,
    "premium-0": 20000,
}
SINCE = "2024-01-01T00:00:00Z"
DEFAULT = "essential-0"


def find(word: str) -> str | None:
    """The plan's full name, of `heroku-postgresql`, `heroku-postgresql:PLAN`, `PLAN` or an id."""
    short = word.removeprefix(f"{SERVICE}:")
    if word == SERVICE:
        short = DEFAULT

    for name in CENTS:
        if short in (name, plan_id(name)):
            return f"{SERVICE}:{name}"

    return None


def plan_id(name: str) -> str:
    """A plan's id, which is the same on each start. name: with or without the service."""
    return fixed_id(f"{SERVICE}:{name.removeprefix(f'{SERVICE}:')}.plan")


def service() -> dict[str, Any]:
    """A reference to the service."""
    return {"id": fixed_id(f"{SERVICE}.service"), "name": SERVICE}


def price(plan: str) -> dict[str, Any]:
    """A plan's price a month. plan: its full name."""
    return {"cents": CENTS[plan.partition(":")[2]], "contract": False, "unit": "month"}


def serialize(plan: str) -> dict[str, Any]:
    """A plan as the API shows it. plan: its full name."""
    return {
        "addon_service": service(),
        "created_at": SINCE,
        "compliance": [],
        "default": plan.endswith(f":{DEFAULT}"),
        "description": f"Heroku Postgres {plan.partition(':')[2]}",
        "human_name": plan.partition(":")[2].replace("-", " ").title(),
        "id": plan_id(plan),
        "installable_inside_private_network": False,
        "installable_outside_private_network": True,
        "name": plan,
        "price": price(plan),
        "space_default": False,
        "state": "ga",
        "updated_at": SINCE,
        "visible": True,
    }
