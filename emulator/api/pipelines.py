"""Pipelines, couplings and promotions."""

import re
from functools import partial
from typing import Any

from emulator.api.call import Call, Reply, Route
from emulator.api.errors import invalid, not_found
from emulator.model import serializers
from emulator.model.app import App, Release
from emulator.model.pipeline import Coupling, Pipeline, Promotion, Target
from emulator.model.state import by_id_or_name, of_account, of_app

NAME = re.compile(r"[a-z][a-z0-9-]{2,29}")
STAGES = ("test", "review", "development", "staging", "production")


def create(call: Call) -> Reply:
    """Make a pipeline with a name that no other has."""
    name = call.text("name")
    _check_name(name)
    if any(pipeline.name == name for pipeline in call.state.pipelines.values()):
        raise invalid("Name has already been taken")

    pipeline = Pipeline(name, call.account)
    call.state.pipelines[pipeline.id] = pipeline
    call.platform.report.created["pipeline"] += 1
    return Reply(serializers.pipeline(pipeline), 201)


def listed(call: Call) -> Reply:
    """All pipelines of the caller; `?eq[name]=` asks for one, as the CLI does."""
    pipelines = call.state.pipelines_of(call.account)
    name = call.query.get("eq[name]")
    if name is not None:
        pipelines = [pipeline for pipeline in pipelines if pipeline.name == name]

    return Reply.listing(serializers.pipeline, pipelines, ("id", "name"))


def info(call: Call) -> Reply:
    """One pipeline, by id or name."""
    return Reply(serializers.pipeline(_find(call, call.params[0])))


def update(call: Call) -> Reply:
    """Rename a pipeline."""
    pipeline, name = _find(call, call.params[0]), call.text("name")
    if name:
        _check_name(name)
        pipeline.name = name

    pipeline.touch()
    return Reply(serializers.pipeline(pipeline))


def delete(call: Call) -> Reply:
    """Delete a pipeline; its apps stay."""
    pipeline = _find(call, call.params[0])
    del call.state.pipelines[pipeline.id]
    for coupling in call.state.members(pipeline):
        del call.state.couplings[coupling.id]

    return Reply(serializers.pipeline(pipeline))


def couple(call: Call) -> Reply:
    """Add an app to a pipeline; it is in one at most."""
    app, stage = call.app(call.text("app")), call.text("stage")
    pipeline = _find(call, call.text("pipeline"))
    _check_stage(stage)
    if of_app(call.state.couplings, app):
        raise invalid("App is already in a pipeline")

    coupling = Coupling(app, pipeline, stage)
    call.state.couplings[coupling.id] = coupling
    return Reply(serializers.coupling(coupling), 201)


def couplings(call: Call) -> Reply:
    """All couplings of the caller's apps."""
    return Reply.listing(serializers.coupling, of_account(call.state.couplings, call.account))


def couplings_of_pipeline(call: Call) -> Reply:
    """A pipeline's couplings."""
    pipeline = _find(call, call.params[0])
    return Reply.listing(serializers.coupling, call.state.members(pipeline))


def coupling(call: Call) -> Reply:
    """One coupling."""
    return Reply(serializers.coupling(_find_coupling(call)))


def coupling_of_app(call: Call) -> Reply:
    """An app's coupling; 404 when it is in no pipeline."""
    for coupling in of_app(call.state.couplings, call.app()):
        return Reply(serializers.coupling(coupling))

    raise not_found("pipeline_coupling")


def move(call: Call) -> Reply:
    """Move an app to another stage."""
    coupling, stage = _find_coupling(call), call.text("stage")
    _check_stage(stage)
    coupling.stage = stage
    coupling.touch()
    return Reply(serializers.coupling(coupling))


def uncouple(call: Call) -> Reply:
    """Remove an app from its pipeline; the app stays."""
    coupling = _find_coupling(call)
    del call.state.couplings[coupling.id]
    return Reply(serializers.coupling(coupling))


def promote(call: Call) -> Reply:
    """Promote the source app's current release, or one that is named, to apps of its pipeline."""
    pipeline = _find(call, str(call.part("pipeline").get("id")))
    source = call.part("source")
    app = _app_of(call, source)
    targets = [_app_of(call, target) for target in call.body.get("targets") or []]
    _check_targets(call, pipeline, app, targets)

    release = _source_release(app, (source.get("release") or {}).get("id"))
    if release is None or release.slug is None:
        raise invalid("The source app has no release to promote.")

    promotion = Promotion(pipeline, release, list(map(Target, targets)))
    call.state.promotions[promotion.id] = promotion
    call.platform.report.created["promotion"] += 1
    call.platform.promotions.start(promotion, call.account)
    return Reply(serializers.promotion(promotion), 201)


def _app_of(call: Call, reference: dict[str, Any]) -> App:
    return call.app(str((reference.get("app") or {}).get("id")))


def _check_targets(call: Call, pipeline: Pipeline, source: App, targets: list[App]) -> None:
    members = {coupling.app for coupling in call.state.members(pipeline)}
    if not targets or source in targets or not {source, *targets} <= members:
        raise invalid("Source and targets must be different apps of the pipeline.")


def _source_release(app: App, id: str | None) -> Release | None:
    """The release with this id; without one, the app's current release."""
    if not id:
        return app.current

    for release in app.releases:
        if release.id == id:
            return release

    return None


def promotion(call: Call) -> Reply:
    """One promotion."""
    return Reply(serializers.promotion(_find_promotion(call)))


def targets(call: Call) -> Reply:
    """The result of a promotion for each app."""
    promotion = _find_promotion(call)
    return Reply.listing(partial(serializers.target, promotion=promotion), promotion.targets)


def latest(call: Call) -> Reply:
    """The current release of each app."""
    releases = []
    for coupling in call.state.members(_find(call, call.params[0])):
        if coupling.app.current:
            releases.append(coupling.app.current)

    return Reply.listing(partial(serializers.release, base=call.platform.base), releases)


def _check_name(name: str) -> None:
    if not NAME.fullmatch(name):
        raise invalid("Name is invalid: 3 to 30 lowercase letters, digits and dashes.")


def _check_stage(stage: str) -> None:
    if stage not in STAGES:
        raise invalid(f"Stage must be one of {', '.join(STAGES)}")


def _find(call: Call, word: str) -> Pipeline:
    pipeline = by_id_or_name(call.state.pipelines_of(call.account), word)
    if pipeline is None:
        raise not_found("pipeline")
    return pipeline


def _find_coupling(call: Call) -> Coupling:
    coupling = call.state.couplings.get(call.params[0])
    if coupling is None or coupling.app.owner is not call.account:
        raise not_found("pipeline_coupling")
    return coupling


def _find_promotion(call: Call) -> Promotion:
    promotion = call.state.promotions.get(call.params[0])
    if promotion is None or promotion.pipeline.owner is not call.account:
        raise not_found("pipeline_promotion")
    return promotion


ROUTES: list[Route] = [
    ("POST", "/pipelines", create),
    ("GET", "/pipelines", listed),
    ("GET", "/pipelines/{}", info),
    ("PATCH", "/pipelines/{}", update),
    ("DELETE", "/pipelines/{}", delete),
    ("GET", "/pipelines/{}/pipeline-couplings", couplings_of_pipeline),
    ("GET", "/pipelines/{}/latest-releases", latest),
    ("POST", "/pipeline-couplings", couple),
    ("GET", "/pipeline-couplings", couplings),
    ("GET", "/users/~/pipeline-couplings", couplings),
    ("GET", "/pipeline-couplings/{}", coupling),
    ("PATCH", "/pipeline-couplings/{}", move),
    ("DELETE", "/pipeline-couplings/{}", uncouple),
    ("GET", "/apps/{}/pipeline-couplings", coupling_of_app),
    ("POST", "/pipeline-promotions", promote),
    ("GET", "/pipeline-promotions/{}", promotion),
    ("GET", "/pipeline-promotions/{}/promotion-targets", targets),
]
