"""Pipelines: the apps of one model, seen together."""

from dataclasses import dataclass
from functools import partial
from typing import Any

from targets.heroku.api.client import Client
from targets.heroku.api.owner import Owner
from targets.heroku.errors import HerokuFailure, Refused

PRODUCTION = "production"


@dataclass(frozen=True)
class Pipeline:
    """owner: id of the account or team."""

    id: str
    name: str
    owner: str


def pipeline(client: Client, name: str, owner: Owner) -> Pipeline | None:
    """That owner's pipeline of that name; None where there is none."""
    value = _find(client, name, owner)
    if value is None:
        return None
    return _pipeline_of(value)


def ensure_pipeline(client: Client, name: str, owner: Owner) -> tuple[Pipeline, bool]:
    """The pipeline of that name, created where there is none; and whether it was created.

    Raises HerokuFailure.
    """
    if existing := pipeline(client, name, owner):
        return existing, False

    body = {"name": name, "owner": {"id": owner.id, "type": owner.kind}}
    try:
        created = client.post("/pipelines", body, look=lambda: _find(client, name, owner))
        return _pipeline_of(created), True
    except Refused as error:
        if error.status != 422:
            raise
        raise HerokuFailure(
            f"the pipeline {name} cannot be had: {error}; where the name is somebody else's, set "
            "another heroku.app_prefix in deploy.toml"
        ) from error


def couple(client: Client, app: str, pipeline: Pipeline, stage: str = PRODUCTION) -> bool:
    """Put an app into a stage of a pipeline, from another stage too.

    Returns False where it was there already.
    """
    coupling = client.get_or_none(f"/apps/{app}/pipeline-couplings")
    if coupling is not None and coupling["pipeline"]["id"] == pipeline.id:
        if coupling["stage"] == stage:
            return False
        client.patch(f"/pipeline-couplings/{coupling['id']}", {"stage": stage})
        return True

    body = {"app": app, "pipeline": pipeline.id, "stage": stage}
    look = partial(client.get_or_none, f"/apps/{app}/pipeline-couplings")
    client.post("/pipeline-couplings", body, look)
    return True


def coupled(client: Client, pipeline: Pipeline) -> dict[str, str]:
    """Stage by app id."""
    couplings = client.list_all(f"/pipelines/{pipeline.id}/pipeline-couplings")
    return {coupling["app"]["id"]: coupling["stage"] for coupling in couplings}


def _find(client: Client, name: str, owner: Owner) -> Any:
    for pipeline in client.list_all("/pipelines"):
        if pipeline["name"] == name and (pipeline.get("owner") or {}).get("id") in (owner.id, None):
            return pipeline
    return None


def _pipeline_of(value: Any) -> Pipeline:
    return Pipeline(value["id"], value["name"], (value.get("owner") or {}).get("id", ""))
