"""Resources as the API shows them: every key of the schema, null where there is nothing."""

from typing import Any

from emulator.model import plans
from emulator.model.app import (
    Addon,
    App,
    Attachment,
    Build,
    Drain,
    Dyno,
    Formation,
    Release,
    Slug,
)
from emulator.model.ids import fixed_id
from emulator.model.pipeline import Coupling, Pipeline, Promotion, Target
from emulator.model.record import Account, Record

CEDAR = {"id": fixed_id("cedar.generation"), "name": "cedar"}
REGION = {"id": fixed_id("us.region"), "name": "us"}
NOT_OF_A_TEAM_APP = ("acm", "internal_routing", "generation", "organization")


def _times(record: Record) -> dict[str, Any]:
    return {"created_at": record.created_at, "id": record.id, "updated_at": record.updated_at}


def _user(account: Account) -> dict[str, Any]:
    return {"email": account.email, "id": account.id}


def _ref(resource: Any) -> dict[str, Any]:
    return {"id": resource.id, "name": resource.name}


def _id(resource: Any) -> dict[str, Any] | None:
    if resource:
        return {"id": resource.id}
    return None


def stack_ref(name: str) -> dict[str, Any]:
    """A stack by name."""
    return {"id": fixed_id(f"{name}.stack"), "name": name}


def app(app: App) -> dict[str, Any]:
    """An app. Its stack is that of the slug it runs, where it runs one."""
    buildpack: str | None = None
    slug_size: int | None = None
    stack = app.stack
    if app.current and app.current.slug:
        slug = app.current.slug
        buildpack, slug_size, stack = "Python", slug.size, slug.stack

    return {
        **_times(app),
        "acm": False,
        "archived_at": None,
        "buildpack_provided_description": buildpack,
        "build_stack": stack_ref(app.stack),
        "generation": CEDAR,
        "git_url": f"https://git.heroku.com/{app.name}.git",
        "internal_routing": None,
        "maintenance": app.maintenance,
        "name": app.name,
        "owner": _user(app.owner),
        "organization": None,
        "team": None,
        "region": REGION,
        "released_at": _released_at(app),
        "repo_size": None,
        "slug_size": slug_size,
        "space": None,
        "stack": stack_ref(stack),
        "web_url": app.web_url,
    }


def _released_at(app: App) -> str | None:
    for release in reversed(app.releases):
        if release.slug:
            return release.created_at

    return None


def domain(app: App) -> dict[str, Any]:
    """The name that Heroku gives an app."""
    return {
        "acm_status": None,
        "acm_status_reason": None,
        "app": _ref(app),
        "cname": None,
        "created_at": app.created_at,
        "hostname": app.host,
        "id": fixed_id(f"{app.host}.domain"),
        "kind": "heroku",
        "sni_endpoint": None,
        "status": "succeeded",
        "updated_at": app.updated_at,
    }


def team_app(team_app: App) -> dict[str, Any]:
    """An app as the filter endpoint shows it."""
    shown = app(team_app)
    for key in NOT_OF_A_TEAM_APP:
        del shown[key]

    return {
        **shown,
        "internal_routing": None,
        "joined": True,
        "locked": False,
        "generation": CEDAR,
    }


def source(base: str, token: str) -> dict[str, Any]:
    """An address to upload to, and the one to build from."""
    url = f"{base}/storage/{token}"
    return {"source_blob": {"get_url": f"{url}?use=get", "put_url": f"{url}?use=put"}}


def build(build: Build, base: str) -> dict[str, Any]:
    """A build."""
    return {
        **_times(build),
        "app": {"id": build.app.id},
        "buildpacks": [{"url": url, "name": url} for url in build.buildpacks],
        "generation": "cedar",
        "output_stream_url": f"{base}/streams/{build.output.token}",
        "source_blob": {
            "checksum": build.source.get("checksum"),
            "url": build.source.get("url"),
            "version": build.source.get("version"),
            "version_description": build.source.get("version_description"),
        },
        "release": _id(build.release),
        "slug": _id(build.slug),
        "stack": build.app.stack,
        "status": build.status,
        "user": _user(build.user),
    }


def slug(slug: Slug, base: str) -> dict[str, Any]:
    """A slug. Its files are not stored in one piece, so the address of its blob answers 404."""
    return {
        **_times(slug),
        "blob": {"method": "get", "url": f"{base}/storage/{slug.id}"},
        "buildpack_provided_description": "Python",
        "checksum": slug.checksum,
        "commit": slug.commit,
        "commit_description": None,
        "process_types": slug.process_types,
        "size": slug.size,
        "stack": stack_ref(slug.stack),
        "deleted_at": None,
    }


def release(release: Release, base: str) -> dict[str, Any]:
    """A release. It can be rolled back to when it succeeded and has a slug."""
    return {
        **_times(release),
        "addon_plan_names": release.addon_plans,
        "artifacts": [{"type": "slug", "id": release.slug.id}] if release.slug else [],
        "app": _ref(release.app),
        "description": release.description,
        "slug": _id(release.slug),
        "status": release.status,
        "user": _user(release.user),
        "version": release.version,
        "current": release is release.app.current,
        "output_stream_url": f"{base}/streams/{release.output.token}" if release.output else None,
        "eligible_for_rollback": release.status == "succeeded" and release.slug is not None,
    }


def formation(formation: Formation, app: App) -> dict[str, Any]:
    """A process type's dynos."""
    return {
        **_times(formation),
        "app": _ref(app),
        "command": formation.command,
        "dyno_size": {"id": formation.size.id, "name": formation.size.name},
        "quantity": formation.quantity,
        "size": formation.size.name,
        "type": formation.type,
    }


def dyno(dyno: Dyno) -> dict[str, Any]:
    """A dyno."""
    return {
        **_times(dyno),
        "attach_url": None,
        "command": dyno.command,
        "name": dyno.name,
        "release": {"id": dyno.release.id, "version": dyno.release.version},
        "app": _ref(dyno.app),
        "size": dyno.size.name,
        "state": dyno.state,
        "type": dyno.type,
    }


def addon(addon: Addon, attachments: list[Attachment]) -> dict[str, Any]:
    """An add-on, with the config vars of its own app. attachments: all of the add-on's."""
    config_vars: list[str] = []
    for attachment in attachments:
        if attachment.app is addon.app and not config_vars:
            config_vars.append(f"{attachment.name}_URL")

    message = "Database is available."
    if addon.state == "provisioning":
        message = "Database is being created."

    return {
        **_times(addon),
        "actions": [],
        "addon_service": plans.service(),
        "billing_entity": {**_ref(addon.app), "type": "app"},
        "app": _ref(addon.app),
        "billed_price": plans.price(addon.plan),
        "config_vars": config_vars,
        "name": addon.name,
        "plan": {"id": plans.plan_id(addon.plan), "name": addon.plan},
        "provider_id": addon.name,
        "provision_message": message,
        "state": addon.state,
        "web_url": None,
    }


def attachment(attachment: Attachment) -> dict[str, Any]:
    """An add-on's attachment to an app."""
    return {
        **_times(attachment),
        "addon": {**_ref(attachment.addon), "app": _ref(attachment.addon.app)},
        "app": _ref(attachment.app),
        "name": attachment.name,
        "namespace": None,
        "web_url": None,
        "log_input_url": None,
    }


def inclusions(attachment: Attachment) -> dict[str, Any]:
    """What an attachment shows more with `Accept-Inclusion: addon:plan,config_vars`."""
    addon = attachment.addon
    plan = {"id": plans.plan_id(addon.plan), "name": addon.plan}
    shown = {**_ref(addon), "app": _ref(addon.app), "plan": plan}
    return {"addon": shown, "config_vars": [f"{attachment.name}_URL"]}


def drain(drain: Drain) -> dict[str, Any]:
    """A log drain that belongs to no add-on; its address is shown whole."""
    return {
        **_times(drain),
        "addon": None,
        "app": _ref(drain.app),
        "token": drain.token,
        "url": drain.url,
    }


def pipeline(pipeline: Pipeline) -> dict[str, Any]:
    """A pipeline."""
    owner = {"id": pipeline.owner.id, "type": "user"}
    return {**_times(pipeline), "name": pipeline.name, "owner": owner, "generation": CEDAR}


def coupling(coupling: Coupling) -> dict[str, Any]:
    """An app's stage."""
    return {
        **_times(coupling),
        "app": {"id": coupling.app.id},
        "pipeline": {"id": coupling.pipeline.id},
        "stage": coupling.stage,
    }


def promotion(promotion: Promotion) -> dict[str, Any]:
    """A promotion."""
    source = {"app": {"id": promotion.source.app.id}, "release": {"id": promotion.source.id}}
    pipeline = {"id": promotion.pipeline.id}
    return {**_times(promotion), "pipeline": pipeline, "source": source, "status": promotion.status}


def target(target: Target, promotion: Promotion) -> dict[str, Any]:
    """A promotion's result for one app."""
    return {
        "app": {"id": target.app.id},
        "error_message": target.error,
        "id": target.id,
        "pipeline_promotion": {"id": promotion.id},
        "release": _id(target.release),
        "status": target.status,
    }
