"""Which targets exist: the only module that names them.

A new target is one line here, a folder beside this file and its settings.
"""

from importlib import import_module

from deployment.workspace.workspace import Workspace
from targets.base import Say, Target, silent

TARGETS = {
    "local": "targets.local.target:LocalTarget",
    "heroku": "targets.heroku.target:HerokuTarget",
}
"""Module and class by `deployment.target` of deploy.toml; a target is imported when it is used."""


def open_target(workspace: Workspace, say: Say = silent, name: str = "") -> Target:
    """The target that deploy.toml names, or the one of that name; used as a context."""
    module, _, class_name = TARGETS[name or workspace.settings.deployment.target].partition(":")
    target: type[Target] = getattr(import_module(module), class_name)
    return target(workspace, say)
