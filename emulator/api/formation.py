"""Formation: how many dynos of which size. Makes no release."""

from typing import Any

from emulator.api.call import Call, Reply, Route
from emulator.api.errors import invalid, not_found
from emulator.model import serializers, sizes
from emulator.model.sizes import Size
from emulator.model.state import App, Formation

MOST = 100


def listed(call: Call) -> Reply:
    """All process types."""
    app = call.app()
    return Reply(
        [serializers.formation(each, app) for each in app.formation.values()], keys=("id", "type")
    )


def info(call: Call) -> Reply:
    """One process type, by type or id."""
    app = call.app()
    return Reply(serializers.formation(_find(app, call.params[1]), app))


def batch(call: Call) -> Reply:
    """All updates, or none of them when one is refused."""
    app, updates = call.app(), call.body.get("updates")
    if not isinstance(updates, list) or not all(isinstance(each, dict) for each in updates):
        raise invalid("updates must be a list of objects")
    changed = _apply(call, app, [(_find(app, str(each.get("type"))), each) for each in updates])
    return Reply([serializers.formation(each, app) for each in changed], keys=("id", "type"))


def update(call: Call) -> Reply:
    """One process type."""
    app = call.app()
    [changed] = _apply(call, app, [(_find(app, call.params[1]), call.body)])
    return Reply(serializers.formation(changed, app))


def _find(app: App, word: str) -> Formation:
    found = app.formation.get(word) or next(
        (each for each in app.formation.values() if each.id == word), None
    )
    if found is None:
        raise not_found("formation")

    return found


def _apply(
    call: Call, app: App, updates: list[tuple[Formation, dict[str, Any]]]
) -> list[Formation]:
    wanted = [(each, _quantity(each, change), _size(each, change)) for each, change in updates]
    _check(app, wanted)
    for each, quantity, size in wanted:
        each.quantity, each.size = quantity, size
        each.touch()
        text = f"Scaled to {each.type}@{quantity}:{size.name} by user {call.account.email}"
        app.log.add("app", "api", text)
        call.platform.fleet.scale(app, each)

    app.changed.notify()
    return [each for each, _, _ in wanted]


def _quantity(now: Formation, change: dict[str, Any]) -> int:
    wanted = change.get("quantity", now.quantity)
    if (
        isinstance(wanted, str)
        and wanted.isascii()
        and wanted[wanted[:1] in ("+", "-") :].isdigit()
    ):
        # Heroku's own client sends a number as text.
        wanted = int(wanted) if wanted.isdigit() else now.quantity + int(wanted)

    if not isinstance(wanted, int) or isinstance(wanted, bool) or not 0 <= wanted <= MOST:
        raise invalid(f"Quantity must be a whole number from 0 to {MOST}")

    return wanted


def _size(now: Formation, change: dict[str, Any]) -> Size:
    asked = change.get("dyno_size")
    word = (asked.get("name") or asked.get("id")) if isinstance(asked, dict) else change.get("size")
    if word is None:
        return now.size

    size = sizes.find(str(word))
    if size is None:
        raise invalid(f"Couldn't find that dyno size: {str(word)[:40]}")

    return size


def _check(app: App, wanted: list[tuple[Formation, int, Size]]) -> None:
    after = {each.type: (each.quantity, each.size) for each in app.formation.values()}
    after.update({each.type: (quantity, size) for each, quantity, size in wanted})
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
