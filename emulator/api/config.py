"""Config vars. Each PATCH makes a release, even one that changes nothing (Heroku publishes no rule
for that).
"""

import re

from emulator.api.call import Call, Reply, Route
from emulator.api.errors import invalid
from emulator.model.state import Release

KEY = re.compile(r"\w+")
LIMIT = 64 * 1024


def info(call: Call) -> Reply:
    """Those in force."""
    return Reply(dict(call.app().config))


def update(call: Call) -> Reply:
    """Null removes. With a release command the old map is answered, until the command succeeded."""
    app = call.app()
    for key, value in call.body.items():
        if not KEY.fullmatch(key):
            raise invalid(f"Config var name {key[:80]!r} is invalid")
        if value is not None and not isinstance(value, str):
            raise invalid(f"Config var {key} must be a string or null")

    if taken := sorted(set(call.body) & set(call.platform.addons.forced(app))):
        raise invalid(f"Cannot overwrite attachment values {', '.join(taken)}.")

    base = call.platform.releasing.base(app)
    config = dict(base.config) if base else {}
    config.update({key: value for key, value in call.body.items() if value is not None})
    config = {key: value for key, value in config.items() if call.body.get(key, "") is not None}
    if sum(len(key.encode()) + len(value.encode()) for key, value in config.items()) > LIMIT:
        raise invalid("Config vars are limited to 64 KB in total.")

    release = call.platform.releasing.config(app, call.account, _description(call.body), config)
    return Reply(dict(app.config), headers=_warning(release))


def _description(change: dict[str, str | None]) -> str:
    put = [key for key, value in change.items() if value is not None]
    removed = [key for key, value in change.items() if value is None]
    words = [
        f"{verb} {', '.join(keys)}" for verb, keys in (("Set", put), ("Remove", removed)) if keys
    ]
    return f"{' and '.join(words) or 'Set'} config vars"


def _warning(release: Release) -> list[tuple[str, str]]:
    if release.status != "pending":
        return []

    text = (
        f"Config vars are not in force until the release command of v{release.version} has "
        f"succeeded."
    )
    return [("X-Heroku-Warning", text)]


ROUTES: list[Route] = [
    ("GET", "/apps/{}/config-vars", info),
    ("PATCH", "/apps/{}/config-vars", update),
]
