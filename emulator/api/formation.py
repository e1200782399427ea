"""The formation: how many dynos of which size. A change makes no release."""

import re
from collections.abc import Iterable
from functools import partial
from typing import Any

from emulator.api.call import Call, Reply, Route
from emulator.api.errors import invalid, not_found
from emulator.model import serializers, sizes
from emulator.model.app import App, Formation
from emulator.model.sizes import Size

MOST = 100
WRITTEN = re.compile(r"[+-]?[0-9]+")
# A formation with its quantity and size after an update.
Change = tuple[Formation, int, Size]


def listed(call: Call) -> Reply:
    """The formation of all process types."""
    app = call.app()
    return _listing(app, app.formation.values())


def info(call: Call) -> Reply:
    """The formation of one process type, by type or id."""
    app = call.app()
    return Reply(serializers.formation(_find(app, call.params[1]), app))


def batch(call: Call) -> Reply:
    """Apply all updates, or none of them when one is refused."""
    app, updates = call.app(), call.body.get("updates")
    if not isinstance(updates, list) or not all(isinstance(update, dict) for update in updates):
        raise invalid("updates must be a list of objects")

    changes = [_change(_find(app, str(update.get("type"))), update) for update in updates]
    return _listing(app, _apply(call, app, changes))


def update(call: Call) -> Reply:
    """Update one process type."""
    app = call.app()
    change = _change(_find(app, call.params[1]), call.body)
    [formation] = _apply(call, app, [change])
    return Reply(serializers.formation(formation, app))


def _listing(app: App, formations: Iterable[Formation]) -> Reply:
    return Reply.listing(partial(serializers.formation, app=app), formations, ("id", "type"))


def _find(app: App, word: str) -> Formation:
    for formation in app.formation.values():
        if word in (formation.type, formation.id):
            return formation

    raise not_found("formation")


def _change(formation: Formation, update: dict[str, Any]) -> Change:
    return formation, _quantity(formation, update), _size(formation, update)


def _apply(call: Call, app: App, changes: list[Change]) -> list[Formation]:
    _check(app, changes)
    formations = []
    for formation, quantity, size in changes:
        formation.quantity, formation.size = quantity, size
        formation.touch()
        text = f"Scaled to {formation.type}@{quantity}:{size.name} by user {call.account.email}"
        app.log.add("app", "api", text)
        call.platform.dyno_manager.scale(app, formation)
        formations.append(formation)

    app.changed.notify()
    return formations


def _quantity(formation: Formation, update: dict[str, Any]) -> int:
    quantity = update.get("quantity", formation.quantity)
    if isinstance(quantity, str) and WRITTEN.fullmatch(quantity):
        # Heroku's own client sends a number as text.
        relative = quantity[0] in "+-"
        quantity = int(quantity) + relative * formation.quantity

    if not isinstance(quantity, int) or isinstance(quantity, bool) or not 0 <= quantity <= MOST:
        raise invalid(f"Quantity must be a whole number from 0 to {MOST}")

    return quantity


def _size(formation: Formation, update: dict[str, Any]) -> Size:
    word = update.get("size")
    if isinstance(update.get("dyno_size"), dict):
        word = update["dyno_size"].get("name") or update["dyno_size"].get("id")
    if word is None:
        return formation.size

    size = sizes.find(str(word))
    if size is None:
        raise invalid(f"Couldn't find that dyno size: {str(word)[:40]}")

    return size


def _check(app: App, changes: list[Change]) -> None:
    """Raise ApiError 422 where the formation would not be allowed after the changes."""
    after = {}
    for formation in app.formation.values():
        after[formation.type] = (formation.quantity, formation.size)
    for formation, quantity, size in changes:
        after[formation.type] = (quantity, size)

    for type, (quantity, size) in after.items():
        if size.single and quantity > 1:
            raise invalid(f"Cannot have more than 1 {size.name} dyno per process type ({type}).")

    used = {size.name for quantity, size in after.values() if quantity > 0}
    if len(used) > 1 and used & {"Eco", "Basic"}:
        raise invalid("Cannot mix Eco or Basic dynos with other dyno sizes in one app.")

    if app.features.get("preboot") and any(size.single for _, size in after.values()):
        raise invalid(
            "Preboot is only available for Standard and Performance dynos: turn it off first."
        )


ROUTES: list[Route] = [
    ("GET", "/apps/{}/formation", listed),
    ("PATCH", "/apps/{}/formation", batch),
    ("GET", "/apps/{}/formation/{}", info),
    ("PATCH", "/apps/{}/formation/{}", update),
]
