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


def checks(workspace: Workspace) -> list[tuple[str, Callable[[], object]]]:
    """What is checked and how; each raises EdgeFailure naming the cause and the next step."""
    wanted = workspace.settings.heroku
    return [
        ("heroku.router_size", lambda: _sized(workspace)),
        ("heroku.version_size", lambda: check_quantity(wanted.version_size, wanted.version_dynos)),
        ("heroku.postgres, and what all costs", lambda: costs(workspace)),
        ("names on Heroku", lambda: _names(workspace)),
        ("router packed for Heroku", lambda: router_slug(workspace)),
        *(
            (f"bundle {name} packed for Heroku", _packed(workspace, name))
            for name in delivered(workspace.releases)
        ),
    ]


def _sized(workspace: Workspace) -> None:
    wanted = workspace.settings.heroku
    check_quantity(wanted.router_size, wanted.router_dynos)
    router_vars(workspace, NO_SECRETS)


def _names(workspace: Workspace) -> None:
    # Whose the apps will be only Heroku knows; whoever it is, the digest in the prefix is as long.
    prefix = prefix_of(workspace.settings, "")
    router_app(prefix)
    pipeline_name(prefix)
    for name in delivered(workspace.releases):
        version_app(prefix, name)


def _packed(workspace: Workspace, name: str) -> Callable[[], object]:
    def check() -> None:
        release = read_release(workspace.releases, name)
        version_slug(workspace, release)
        version_vars(workspace, release, NO_SECRETS)

    return check
