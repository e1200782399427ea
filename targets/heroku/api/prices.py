"""The platform's own prices, where it publishes them."""

from typing import Any

from targets.heroku.api.client import Client
from targets.heroku.errors import Refused


def dyno_prices(client: Client) -> dict[str, float]:
    """Dollars a month by dyno size in lower case; sizes without a price are left out."""
    prices = {}
    for size in client.list_all("/dyno-sizes"):
        if (price := _monthly(size.get("cost"))) is not None:
            prices[str(size["name"]).lower()] = price
    return prices


def addon_price(client: Client, plan: str) -> float | None:
    """Dollars a month of a plan such as `heroku-postgresql:essential-0`; None where unknown."""
    service = plan.partition(":")[0]
    try:
        return _monthly(client.get(f"/addon-services/{service}/plans/{plan}").get("price"))
    except Refused:
        return None


def _monthly(price: Any) -> float | None:
    if not isinstance(price, dict) or price.get("unit") != "month":
        return None

    cents = price.get("cents")
    if not isinstance(cents, int | float):
        return None
    return float(cents) / 100
