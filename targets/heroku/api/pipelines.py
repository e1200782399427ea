"""Pipelines: the apps of one model, seen together."""

from dataclasses import dataclass
from typing import Any

from targets.heroku.api.client import Client
from targets.heroku.api.owner import Owner
from targets.heroku.errors import HerokuFailure, Refused

PRODUCTION = "production"
STAGING = "staging"


@dataclass(frozen=True)
class Pipeline:
    """owner: id of the account or team."""

    id: str
    name: str
    owner: str


def pipeline(client: Client, name: str, owner: Owner) -> Pipeline | None:
    """That owner's pipeline of that name; None where there is none. Other people's names do not
    count.
    """
    value = _find(client, name, owner)
    if value is None:
        return None
    return _pipeline_of(value)


def ensure_pipeline(client: Client, name: str, owner: Owner) -> tuple[Pipeline, bool]:
    """The pipeline of that name, made where there is none; and whether it was made. Raises
    HerokuFailure.
    """
    if there := pipeline(client, name, owner):
        return there, False

    body = {"name": name, "owner": {"id": owner.id, "type": owner.kind}}
    try:
        return _pipeline_of(
            client.post("/pipelines", body, look=lambda: _find(client, name, owner))
        ), True
    except Refused as error:
        if error.status != 422:
            raise
        raise HerokuFailure(
            f"the pipeline {name} cannot be had: {error}; where the name is somebody else's set "
            f"another "
            "heroku.app_prefix in deploy.toml"
        ) from error


def couple(client: Client, app: str, into: Pipeline, stage: str = PRODUCTION) -> bool:
    """Put an app into a stage of a pipeline; returns False where it is there already. Moves it from
    another stage.
    """
    there = client.found(f"/apps/{app}/pipeline-couplings")
    if there is not None and there["pipeline"]["id"] == into.id:
        if there["stage"] == stage:
            return False
        client.patch(f"/pipeline-couplings/{there['id']}", {"stage": stage})
        return True

    body = {"app": app, "pipeline": into.id, "stage": stage}
    client.post(
        "/pipeline-couplings", body, look=lambda: client.found(f"/apps/{app}/pipeline-couplings")
    )
    return True


def coupled(client: Client, of: Pipeline) -> dict[str, str]:
    """Stage by app id."""
    found = client.listed(f"/pipelines/{of.id}/pipeline-couplings")
    return {each["app"]["id"]: each["stage"] for each in found}


def _find(client: Client, name: str, owner: Owner) -> Any:
    for each in client.listed("/pipelines"):
        if each["name"] == name and (each.get("owner") or {}).get("id") in (owner.id, None):
            return each
    return None


def _pipeline_of(value: Any) -> Pipeline:
    return Pipeline(value["id"], value["name"], (value.get("owner") or {}).get("id", ""))
