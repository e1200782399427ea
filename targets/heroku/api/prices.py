"""The platform's own prices, where it tells them."""

from typing import Any

from targets.heroku.api.client import Client
from targets.heroku.errors import Refused


def dyno_prices(client: Client) -> dict[str, float]:
    """Dollars a month by dyno size in lower case; sizes without a price are left out."""
    found = {}
    for each in client.listed("/dyno-sizes"):
        if (price := _monthly(each.get("cost"))) is not None:
            found[str(each["name"]).lower()] = price
    return found


def addon_price(client: Client, plan: str) -> float | None:
    """Dollars a month of a plan such as `heroku-postgresql:essential-0`; None where the platform
    gives none.
    """
    service = plan.partition(":")[0]
    try:
        return _monthly(client.get(f"/addon-services/{service}/plans/{plan}").get("price"))
    except Refused:
        return None


def _monthly(price: Any) -> float | None:
    if (
        not isinstance(price, dict)
        or price.get("unit") != "month"
        or not isinstance(price.get("cents"), int | float)
    ):
        return None

    return float(price["cents"]) / 100
