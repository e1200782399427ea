"""Pipelines, couplings and promotions."""

import re

from emulator.api.call import Call, Reply, Route
from emulator.api.errors import invalid, not_found
from emulator.model import serializers
from emulator.model.state import Coupling, Pipeline, Promotion, Target

NAME = re.compile(r"[a-z][a-z0-9-]{2,29}")
STAGES = ("test", "review", "development", "staging", "production")


def create(call: Call) -> Reply:
    """A name, which nobody else has."""
    name = call.text("name")
    if not NAME.fullmatch(name):
        raise invalid("Name is invalid: 3 to 30 lowercase letters, digits and dashes.")
    if any(each.name == name for each in call.platform.world.pipelines.values()):
        raise invalid("Name has already been taken")

    made = Pipeline(name, call.account)
    call.platform.world.pipelines[made.id] = made
    call.platform.tally.created["pipeline"] += 1
    return Reply(serializers.pipeline(made), 201)


def listed(call: Call) -> Reply:
    """All of the caller's; `?eq[name]=` asks for one, as the CLI does."""
    name = call.query.get("eq[name]")
    mine = [each for each in call.platform.world.pipelines.values() if each.owner is call.account]
    return Reply(
        [serializers.pipeline(each) for each in mine if name in (None, each.name)],
        keys=("id", "name"),
    )


def info(call: Call) -> Reply:
    """One, by id or name."""
    return Reply(serializers.pipeline(_find(call, call.params[0])))


def update(call: Call) -> Reply:
    """Another name."""
    found, name = _find(call, call.params[0]), call.text("name")
    if name and not NAME.fullmatch(name):
        raise invalid("Name is invalid: 3 to 30 lowercase letters, digits and dashes.")

    found.name = name or found.name
    found.touch()
    return Reply(serializers.pipeline(found))


def delete(call: Call) -> Reply:
    """Its apps stay."""
    found = _find(call, call.params[0])
    del call.platform.world.pipelines[found.id]
    for each in [each for each in call.platform.world.couplings.values() if each.pipeline is found]:
        del call.platform.world.couplings[each.id]
    return Reply(serializers.pipeline(found))


def couple(call: Call) -> Reply:
    """An app is in one pipeline at most."""
    app, stage = call.app(call.text("app")), call.text("stage")
    pipeline = _find(call, call.text("pipeline"))
    if stage not in STAGES:
        raise invalid(f"Stage must be one of {', '.join(STAGES)}")
    if any(each.app is app for each in call.platform.world.couplings.values()):
        raise invalid("App is already in a pipeline")

    made = Coupling(app, pipeline, stage)
    call.platform.world.couplings[made.id] = made
    return Reply(serializers.coupling(made), 201)


def couplings(call: Call) -> Reply:
    """All of the caller's."""
    mine = [
        each for each in call.platform.world.couplings.values() if each.app.owner is call.account
    ]
    return Reply([serializers.coupling(each) for each in mine])


def couplings_of(call: Call) -> Reply:
    """A pipeline's."""
    found = _find(call, call.params[0])
    return Reply([serializers.coupling(each) for each in _members(call, found)])


def coupling(call: Call) -> Reply:
    """One."""
    return Reply(serializers.coupling(_coupling(call)))


def coupling_of_app(call: Call) -> Reply:
    """An app's; 404 when it is in no pipeline."""
    app = call.app()
    found = next((each for each in call.platform.world.couplings.values() if each.app is app), None)
    if found is None:
        raise not_found("pipeline_coupling")
    return Reply(serializers.coupling(found))


def move(call: Call) -> Reply:
    """Another stage."""
    found, stage = _coupling(call), call.text("stage")
    if stage not in STAGES:
        raise invalid(f"Stage must be one of {', '.join(STAGES)}")

    found.stage = stage
    found.touch()
    return Reply(serializers.coupling(found))


def uncouple(call: Call) -> Reply:
    """The app stays."""
    found = _coupling(call)
    del call.platform.world.couplings[found.id]
    return Reply(serializers.coupling(found))


def promote(call: Call) -> Reply:
    """The source app's current release, or one that is named, to apps of the same pipeline."""
    pipeline = _find(call, str(call.part("pipeline").get("id")))
    source = call.part("source")
    app = call.app(str((source.get("app") or {}).get("id")))
    targets = [
        call.app(str((each.get("app") or {}).get("id"))) for each in call.body.get("targets") or []
    ]
    members = [each.app for each in _members(call, pipeline)]
    if not targets or any(each not in members for each in [app, *targets]) or app in targets:
        raise invalid("Source and targets must be different apps of the pipeline.")

    named = (source.get("release") or {}).get("id")
    release = (
        next((each for each in app.releases if each.id == named), None) if named else app.current
    )
    if release is None or release.slug is None:
        raise invalid("The source app has no release to promote.")

    made = Promotion(pipeline, release, [Target(each) for each in targets])
    call.platform.world.promotions[made.id] = made
    call.platform.tally.created["promotion"] += 1
    call.platform.promoting.start(made, call.account)
    return Reply(serializers.promotion(made), 201)


def promotion(call: Call) -> Reply:
    """One."""
    return Reply(serializers.promotion(_promotion(call)))


def targets(call: Call) -> Reply:
    """The result for each app."""
    found = _promotion(call)
    return Reply([serializers.target(each, found) for each in found.targets])


def latest(call: Call) -> Reply:
    """The current release of each app."""
    apps = [each.app for each in _members(call, _find(call, call.params[0]))]
    return Reply(
        [serializers.release(each.current, call.platform.base) for each in apps if each.current]
    )


def _find(call: Call, word: str) -> Pipeline:
    mine = (each for each in call.platform.world.pipelines.values() if each.owner is call.account)
    found = next((each for each in mine if word in (each.id, each.name)), None)
    if found is None:
        raise not_found("pipeline")
    return found


def _members(call: Call, pipeline: Pipeline) -> list[Coupling]:
    return [each for each in call.platform.world.couplings.values() if each.pipeline is pipeline]


def _coupling(call: Call) -> Coupling:
    found = call.platform.world.couplings.get(call.params[0])
    if found is None or found.app.owner is not call.account:
        raise not_found("pipeline_coupling")
    return found


def _promotion(call: Call) -> Promotion:
    found = call.platform.world.promotions.get(call.params[0])
    if found is None or found.pipeline.owner is not call.account:
        raise not_found("pipeline_promotion")
    return found


ROUTES: list[Route] = [
    ("POST", "/pipelines", create),
    ("GET", "/pipelines", listed),
    ("GET", "/pipelines/{}", info),
    ("PATCH", "/pipelines/{}", update),
    ("DELETE", "/pipelines/{}", delete),
    ("GET", "/pipelines/{}/pipeline-couplings", couplings_of),
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
