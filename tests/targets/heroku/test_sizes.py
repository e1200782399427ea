"""What fits into a dyno, and what a plan costs before it is bought."""

import pytest

from deployment.workspace.errors import Misconfigured
from targets.heroku.api.prices import addon_price, dyno_prices
from targets.heroku.sizes import (
    ROUTER_MEMORY,
    SIZES,
    VERSION_MEMORY,
    bill,
    check_quantity,
    database_item,
    dyno_item,
    size,
    workers,
)
from tests.targets.heroku.conftest import Made
from tests.targets.heroku.scripted_server import answered, in_turn, refused


def test_a_plan_is_priced_by_month_and_day_and_written_out() -> None:
    plan = [
        dyno_item("router", "basic", 1),
        dyno_item("v1", "Standard-1X", 2),
        database_item("essential-0"),
    ]
    cost = bill(plan)
    assert (cost.monthly, cost.daily) == (62.0, 2.07)
    assert cost.lines == [
        "router: 1 x Basic, $7.00 a month",
        "v1: 2 x Standard-1X, $50.00 a month",
        "ledger: 1 x heroku-postgresql:essential-0, $5.00 a month",
        "together $62.00 a month, $2.07 a day, if always on",
    ]
    scaled_to_zero = bill([plan[0], dyno_item("v1", "Standard-1X", 0), plan[2]])
    assert (scaled_to_zero.monthly, scaled_to_zero.daily) == (12.0, 0.4)


def test_the_platforms_own_prices_come_first(platform: Made) -> None:
    sizes = [
        {"name": "Basic", "cost": {"cents": 800, "unit": "month"}},
        {"name": "Eco", "cost": None},
        {"name": "Odd", "cost": {"cents": 8, "unit": "hour"}},
    ]
    price = {"price": {"cents": 600, "unit": "month"}}
    client, _ = platform(in_turn(answered(sizes), answered(price), refused(404, "not_found")))
    prices = dyno_prices(client)
    assert prices == {"basic": 8.0}
    assert dyno_item("router", "Basic", 1, prices).monthly == 8.0
    assert dyno_item("router", "Eco", 1, prices).monthly == 5.0
    assert database_item("x", addon_price(client, "heroku-postgresql:x")).monthly == 6.0
    assert addon_price(client, "heroku-postgresql:y") is None


def test_what_nobody_knows_the_price_of_is_refused() -> None:
    with pytest.raises(Misconfigured, match="the price of heroku-postgresql:gold is not known"):
        database_item("gold")
    with pytest.raises(Misconfigured, match="'Huge' is no dyno size"):
        dyno_item("router", "Huge", 1)


@pytest.mark.parametrize("name", ["Eco", "Basic"])
def test_small_sizes_allow_one_dyno(name: str) -> None:
    check_quantity(name, 1)
    with pytest.raises(Misconfigured, match="allows 1 dyno"):
        check_quantity(name, 2)


@pytest.mark.parametrize("memory", [ROUTER_MEMORY, *VERSION_MEMORY.values()])
@pytest.mark.parametrize("name", SIZES)
def test_the_workers_fit_into_the_memory(name: str, memory: object) -> None:
    found = workers(name, memory)  # type: ignore[arg-type]
    assert 1 <= found <= size(name).most_workers
    assert memory.first_mb + (found - 1) * memory.more_mb <= size(name).memory_mb  # type: ignore[attr-defined]


def test_a_larger_model_leaves_room_for_fewer_workers_and_then_for_none() -> None:
    memory = VERSION_MEMORY["sklearn"]
    assert workers("Basic", memory) == 2
    assert workers("Basic", memory, model_mb=60) == 1
    with pytest.raises(
        Misconfigured, match="do not fit into a Basic dyno of 512 MB: choose a larger size"
    ):
        workers("Basic", memory, model_mb=100)

    assert workers("Standard-2X", memory, model_mb=100) == 3
