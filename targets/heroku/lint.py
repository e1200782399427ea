"""`lint` for Heroku, without the network: sizes, prices, names, and whether everything can be
packed for it.
"""

from collections.abc import Iterator
from functools import partial

from deployment.workspace.bundles import delivered, read_release
from deployment.workspace.secrets import Secrets
from deployment.workspace.state_dir import check_writable
from deployment.workspace.workspace import Workspace
from targets.base import LintCheck
from targets.heroku.build.app_config import router_vars, version_vars
from targets.heroku.build.slug_source import router_slug, version_slug
from targets.heroku.names import pipeline_name, prefix_of, router_app, version_app
from targets.heroku.sizes import check_quantity
from targets.heroku.stack import costs

NO_SECRETS = Secrets("", "")


def checks(workspace: Workspace) -> Iterator[LintCheck]:
    """What is checked and how; each raises EdgeFailure naming the cause and the next step."""
    settings = workspace.settings.heroku
    yield "state folder", partial(check_writable, workspace)
    yield "heroku.router_size", partial(_check_router_size, workspace)
    yield (
        "heroku.version_size",
        partial(check_quantity, settings.version_size, settings.version_dynos),
    )
    yield "heroku.postgres, and what all costs", partial(costs, workspace)
    yield "names on Heroku", partial(_check_names, workspace)
    yield "router packed for Heroku", partial(router_slug, workspace)
    for name in delivered(workspace.releases):
        yield f"bundle {name} packed for Heroku", partial(_check_packed, workspace, name)


def _check_router_size(workspace: Workspace) -> None:
    settings = workspace.settings.heroku
    check_quantity(settings.router_size, settings.router_dynos)
    router_vars(workspace, NO_SECRETS)


def _check_names(workspace: Workspace) -> None:
    # Only Heroku knows the owner of the apps; the digest in the prefix is as long for each.
    prefix = prefix_of(workspace.settings, "")
    router_app(prefix)
    pipeline_name(prefix)
    for name in delivered(workspace.releases):
        version_app(prefix, name)


def _check_packed(workspace: Workspace, name: str) -> None:
    release = read_release(workspace.releases, name)
    version_slug(workspace, release)
    version_vars(workspace, release, NO_SECRETS)
