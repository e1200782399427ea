"""`lint` for Heroku, without the network: sizes, prices, names, and whether everything can be
packed for it.
"""

from collections.abc import Callable

from deployment.workspace.bundles import delivered, read_release
from deployment.workspace.secrets import Secrets
from deployment.workspace.workspace import Workspace
from targets.heroku.build.app_config import router_vars, version_vars
from targets.heroku.build.slug_source import router_slug, version_slug
from targets.heroku.names import pipeline_name, prefix_of, router_app, version_app
from targets.heroku.sizes import check_quantity
from targets.heroku.stack import costs

NO_SECRETS = Secrets("", "")


def checks(place: Workspace) -> list[tuple[str, Callable[[], object]]]:
    """What is checked and how; each raises EdgeFailure naming the cause and the next step."""
    wanted = place.settings.heroku
    return [
        ("heroku.router_size", lambda: _sized(place)),
        ("heroku.version_size", lambda: check_quantity(wanted.version_size, wanted.version_dynos)),
        ("heroku.postgres, and what all costs", lambda: costs(place)),
        ("names on Heroku", lambda: _names(place)),
        ("router packed for Heroku", lambda: router_slug(place)),
        *(
            (f"bundle {name} packed for Heroku", _packed(place, name))
            for name in delivered(place.releases)
        ),
    ]


def _sized(place: Workspace) -> None:
    wanted = place.settings.heroku
    check_quantity(wanted.router_size, wanted.router_dynos)
    router_vars(place, NO_SECRETS)


def _names(place: Workspace) -> None:
    # Whose the apps will be only Heroku knows; whoever it is, the digest in the prefix is as long.
    prefix = prefix_of(place.settings, "")
    router_app(prefix)
    pipeline_name(prefix)
    for name in delivered(place.releases):
        version_app(prefix, name)


def _packed(place: Workspace, name: str) -> Callable[[], object]:
    def check() -> None:
        release = read_release(place.releases, name)
        version_slug(place, release)
        version_vars(place, release, NO_SECRETS)

    return check
