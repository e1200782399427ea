"""The config vars of each app, set in one request. Traffic weights are never among them."""

from deployment.http_client import THROUGH
from deployment.workspace.bundles import Release, served_by
from deployment.workspace.secrets import Secrets
from deployment.workspace.token_file import kept_text
from deployment.workspace.workspace import Workspace
from rollout.access_tokens import VARIABLE
from targets.heroku.build.slug_source import BUNDLE, PUBLIC_KEY
from targets.heroku.sizes import GUNICORN, ROUTER_MEMORY, VERSION_MEMORY, workers


def version_vars(workspace: Workspace, release: Release, secrets: Secrets) -> dict[str, str]:
    """Of a version's app; raises Misconfigured where the model does not fit into its dyno."""
    runtime = served_by(release, workspace.settings.deployment.runtime)
    model = "model.onnx" if runtime == "onnx" else "model.pkl"
    model_mb = float(release.manifest.get("files", {}).get(model, {}).get("bytes", 0)) / 1e6
    return {
        "SLUICE_BUNDLE": BUNDLE,
        "SLUICE_PUBLIC_KEY": PUBLIC_KEY,
        "SLUICE_RUNTIME": runtime,
        "SLUICE_SERVICE_SECRET": secrets.service,
        "SLUICE_THREADS": str(workspace.settings.deployment.threads),
        "SLUICE_LOG_FORMAT": workspace.settings.logs.format,
        "SLUICE_TRACES": workspace.settings.traces.endpoint,
        "WEB_CONCURRENCY": str(
            workers(workspace.settings.heroku.version_size, VERSION_MEMORY[runtime], model_mb)
        ),
        **_every_app(),
    }


def router_vars(workspace: Workspace, secrets: Secrets) -> dict[str, str]:
    """Of the router's app, beside the DATABASE_URL that its add-on sets."""
    values = {
        "SLUICE_SERVICE_SECRET": secrets.service,
        "SLUICE_TOKEN_KEY": secrets.token,
        "SLUICE_OPERATOR_TOKEN": secrets.operator,
        "WEB_CONCURRENCY": str(workers(workspace.settings.heroku.router_size, ROUTER_MEMORY)),
        **token_vars(workspace),
        **_rehearsal(workspace),
        **_every_app(),
    }
    if workspace.webhook_secret:
        values["SLUICE_WEBHOOK_SECRET"] = workspace.webhook_secret
    return values


def token_vars(workspace: Workspace) -> dict[str, str]:
    """The list of named tokens, which holds digests alone; nothing where none was ever made."""
    text = kept_text(workspace)
    if text is None:
        return {}
    return {VARIABLE: text}


def _rehearsal(workspace: Workspace) -> dict[str, str]:
    """In a rehearsal the router reaches the versions' public names through the emulator."""
    if workspace.through:
        return {THROUGH: workspace.through}
    return {}


def _every_app() -> dict[str, str]:
    # glibc keeps an arena per thread, which wastes the memory of a small dyno.
    return {"GUNICORN_CMD_ARGS": GUNICORN, "MALLOC_ARENA_MAX": "2"}
