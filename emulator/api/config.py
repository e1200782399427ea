"""Config vars. Every PATCH makes a release, also one that changes nothing: Heroku documents no rule
for that.
"""

import re

from emulator.api.call import Call, Reply, Route
from emulator.api.errors import invalid
from emulator.model.app import Release

KEY = re.compile(r"\w+")
LIMIT = 64 * 1024


def info(call: Call) -> Reply:
    """The config vars in force."""
    return Reply(dict(call.app().config))


def update(call: Call) -> Reply:
    """Set config vars; null removes one.

    With a release command, the answer has the old ones: the new are in force once it succeeded.
    """
    app = call.app()
    for key, value in call.body.items():
        if not KEY.fullmatch(key):
            raise invalid(f"Config var name {key[:80]!r} is invalid")
        if value is not None and not isinstance(value, str):
            raise invalid(f"Config var {key} must be a string or null")

    if taken := sorted(set(call.body) & set(call.platform.addons.config_of(app))):
        raise invalid(f"Cannot overwrite attachment values {', '.join(taken)}.")

    config = app.next_config
    for key, value in call.body.items():
        if value is None:
            config.pop(key, None)
        else:
            config[key] = value

    if sum(len(key.encode()) + len(value.encode()) for key, value in config.items()) > LIMIT:
        raise invalid("Config vars are limited to 64 KB in total.")

    release = call.platform.releases.config(app, call.account, _description(call.body), config)
    return Reply(dict(app.config), headers=_warning(release))


def _description(change: dict[str, str | None]) -> str:
    added = [key for key, value in change.items() if value is not None]
    removed = [key for key, value in change.items() if value is None]
    parts = []
    if added or not removed:
        parts.append(f"Set {', '.join(added)}".strip())
    if removed:
        parts.append(f"Remove {', '.join(removed)}")

    return f"{' and '.join(parts)} config vars"


def _warning(release: Release) -> list[tuple[str, str]]:
    if release.status != "pending":
        return []

    text = (
        "Config vars are not in force until the release command of "
        f"v{release.version} has succeeded."
    )
    return [("X-Heroku-Warning", text)]


ROUTES: list[Route] = [
    ("GET", "/apps/{}/config-vars", info),
    ("PATCH", "/apps/{}/config-vars", update),
]
