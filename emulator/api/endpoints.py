"""The endpoints of the Platform API, and which of them a request is for."""

import re
from dataclasses import dataclass
from urllib.parse import unquote

from emulator.api import (
    account,
    addons,
    apps,
    builds,
    config,
    drains,
    dynos,
    formation,
    pipelines,
    releases,
)
from emulator.api.call import Handler, Route

RESOURCES = (
    account, addons, apps, builds, config, drains, dynos, formation, pipelines,
    releases,
)  # fmt: skip
ROUTES: list[Route] = [route for resource in RESOURCES for route in resource.ROUTES]


@dataclass
class Endpoint:
    """The endpoint of a request. `template` names it in the report."""

    template: str
    handler: Handler
    params: tuple[str, ...]


def _pattern(template: str) -> re.Pattern[str]:
    return re.compile("([^/]+)".join(map(re.escape, template.split("{}"))))


# Literal paths first: /users/~/pipeline-couplings before /users/{}.
TABLE = sorted(
    ((method, _pattern(path), path, handler) for method, path, handler in ROUTES),
    key=lambda row: "{}" in row[2],
)


def find_endpoint(method: str, path: str) -> Endpoint | None:
    """The endpoint at this method and path, if there is one."""
    for own_method, pattern, template, handler in TABLE:
        if own_method == method and (match := pattern.fullmatch(path)):
            return Endpoint(template, handler, tuple(map(unquote, match.groups())))

    return None
