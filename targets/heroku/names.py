"""Names on Heroku: one app for the router, one per version, one pipeline; always the same ones.

Names of apps are unique in all of Heroku. Without `heroku.app_prefix` the prefix is therefore made
of the model's name and a digest of the account's id."""

import re
from hashlib import blake2b

from deployment.workspace.errors import Misconfigured
from rollout.settings import LONGEST_PREFIX, Settings

LONGEST = 30
_APP = re.compile(r"^[a-z][a-z0-9-]{1,28}[a-z0-9]$")
ROUTER = "router"


def prefix_of(settings: Settings, owner: str) -> str:
    """The prefix of all names; owner: id of the account or team. Raises Misconfigured."""
    if given := settings.heroku.app_prefix:
        return given

    model = (
        re.sub(r"[^a-z0-9]+", "-", settings.model.lower())
        .strip("-")[: LONGEST_PREFIX - 7]
        .strip("-")
    )
    if not model[:1].isalpha():
        model = f"m{model}"[: LONGEST_PREFIX - 7]
    return f"{model}-{_digest(f'{owner}:{settings.model}', 6)}"


def router_app(prefix: str) -> str:
    """The router's app."""
    return _checked(f"{prefix}-{ROUTER}")


def version_app(prefix: str, version: str) -> str:
    """A version's app; where the version's name has to be changed to fit, with a digest of it."""
    plain = re.sub(r"[^a-z0-9]+", "-", version.lower()).strip("-")
    longest = LONGEST - len(prefix) - 1
    fits = plain == version and plain != ROUTER and len(plain) <= longest
    if fits and not _ends_like_a_digest(plain):
        return _checked(f"{prefix}-{plain}")

    short = plain[: longest - 7].strip("-")
    return _checked("-".join(filter(None, (prefix, short, _digest(version, 6)))))


def pipeline_name(prefix: str) -> str:
    """The pipeline of one model."""
    return _checked(prefix)


def _ends_like_a_digest(plain: str) -> bool:
    return re.search(r"(^|-)[0-9a-f]{6}$", plain) is not None


def _digest(text: str, length: int) -> str:
    return blake2b(text.encode()).hexdigest()[:length]


def _checked(name: str) -> str:
    if not _APP.match(name):
        raise Misconfigured(
            f"'{name}' is no name for a Heroku app (3 to {LONGEST} of a-z, 0-9 and '-', a letter "
            "first): set heroku.app_prefix in deploy.toml"
        )

    return name
