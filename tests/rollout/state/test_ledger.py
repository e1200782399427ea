"""The ledger as a value: its stored form gives it back, a broken form is refused, and it knows the
way back.
"""

import json
from collections.abc import Callable
from copy import deepcopy
from dataclasses import FrozenInstanceError, replace
from typing import Any

import pytest
from hypothesis import given

from rollout.decide.reconcile import flagged
from rollout.errors import BrokenRecord, NothingToDo, RolloutInProgress, UnknownVersion
from rollout.state.ledger import FORMAT, Ledger, Rollout, Step, Version, from_body
from rollout.state.policy import policy
from rollout.state.split import ALL
from rollout.state.strategy import strategy
from rollout.state.version_state import LIVE, Event, State
from tests.rollout.ledger_commands import EMPTY, JUDGING, STARTED, ledger_after, ledgers, quick

CANARY = ledger_after("canary v2 --steps 5,50 --every 30", ledger=STARTED)
SHADOW = ledger_after("shadow v2 --percent 25", ledger=STARTED)
JUDGED = ledger_after(
    "canary v2 --auto", "tick hold prediction", "resume", "tick invalid ratio", ledger=STARTED
)
FLAGGED = flagged(
    ledger_after("canary v2 --steps 5 --auto", "tick pass", ledger=STARTED),
    "labels",
    {"against": 5.0},
).ledger
BODY = policy(JUDGING, strategy("canary")).to_body()
AFTER_RELEASED = ("released_before", "rollout", "last", "queued", "flagged", "verdict")


@quick
@given(ledgers())
def test_the_stored_form_gives_the_same_ledger_back(ledger: Ledger) -> None:
    body = ledger.to_body()
    stored = json.loads(json.dumps(body, allow_nan=False))
    assert stored == body
    assert from_body(stored, ledger.revision) == ledger


@pytest.mark.parametrize(
    "ledger",
    [
        EMPTY,
        STARTED,
        CANARY,
        SHADOW,
        ledger_after("pause", ledger=CANARY, now=12.5),
        ledger_after("blue-green v2", "release-in-place v3", ledger=STARTED),
        JUDGED,
        FLAGGED,
        ledger_after("blue-green v2 --auto", ledger=STARTED),
    ],
    ids=[
        "empty",
        "released",
        "canary",
        "shadow",
        "paused",
        "in place",
        "judged",
        "flagged",
        "watched",
    ],
)
def test_the_stored_form_is_json_and_keeps_everything(ledger: Ledger) -> None:
    again = from_body(json.loads(json.dumps(ledger.to_body(), allow_nan=False)), ledger.revision)
    assert again == ledger
    assert list(again.versions) == list(ledger.versions)


def test_the_stored_form_is_the_one_that_is_documented() -> None:
    body = CANARY.to_body()
    assert list(body) == ["format", "model", "versions", "split", "released", *AFTER_RELEASED]
    assert (body["format"], body["model"], body["released"], body["released_before"]) == (
        FORMAT,
        "flights",
        "v1",
        [],
    )
    assert body["split"] == {
        "salt": "flights:canary:v2:5",
        "slices": [[0, 9500, "v1"], [9500, ALL, "v2"]],
        "shadows": [],
    }
    assert body["rollout"]["steps"] == [
        {"weight": 500, "hold_s": 30.0},
        {"weight": 5000, "hold_s": 30.0},
    ]


def test_a_judged_rollout_is_kept_with_its_policy_and_its_holds() -> None:
    rollout = JUDGED.to_body()["rollout"]
    assert (rollout["held"], rollout["accepted"]) == (["ratio"], ["prediction"])
    assert rollout["policy"]["rules"][0]["name"] == "errors"
    last = FLAGGED.to_body()["last"]
    assert (last["candidate"], FLAGGED.to_body()["flagged"]) == ("v2", True)
    assert FLAGGED.to_body()["verdict"] == {"against": 5.0}


def test_a_new_revision_has_no_verdict_behind_it() -> None:
    assert FLAGGED.next().verdict is None


@pytest.mark.parametrize(
    "ledger", [EMPTY, STARTED, CANARY, SHADOW], ids=["empty", "released", "canary", "shadow"]
)
def test_a_record_of_format_1_is_still_read(ledger: Ledger) -> None:
    body = deepcopy(ledger.to_body())
    body["format"] = 1
    for key in ("last", "flagged", "verdict"):
        del body[key]

    for key in ("policy", "held", "accepted") if body["rollout"] else ():
        del body["rollout"][key]

    assert from_body(body, ledger.revision) == ledger


@pytest.mark.parametrize("form", [None, 0, 5, "1"])
def test_another_format_is_refused_with_the_one_that_is_read(form: object) -> None:
    with pytest.raises(
        BrokenRecord, match=f"revision 7 has format {form!r}: this Sluice reads format 4"
    ):
        from_body({**CANARY.to_body(), "format": form}, 7)


@pytest.mark.parametrize("body", [[], "{}", None, 1])
def test_a_body_that_is_no_table_is_refused(body: Any) -> None:
    with pytest.raises(BrokenRecord, match="revision 7"):
        from_body(body, 7)


@pytest.mark.parametrize(
    ("break_it", "named"),
    [
        (lambda body: body.pop("model"), "'model'"),
        (lambda body: body.pop("versions"), "'versions'"),
        (lambda body: body.pop("rollout"), "'rollout'"),
        (lambda body: body["versions"][0].pop("address"), "'address'"),
        (lambda body: body["versions"][0].update(state="retried"), "'retried'"),
        (lambda body: body["versions"][0].update(colour="blue"), "'colour'"),
        (lambda body: body.update(versions=None), "NoneType"),
        (lambda body: body["split"].pop("salt"), "'salt'"),
        (lambda body: body["split"]["slices"].pop(), "does not cover all traffic"),
        (lambda body: body["split"]["slices"][0].pop(), "'version'"),
        (lambda body: body["split"].update(shadows=[["v3", 10_001]]), "the weight of v3 is 10001"),
        (lambda body: body["rollout"]["steps"][0].pop("weight"), "'weight'"),
        (lambda body: body["rollout"].update(verdict="pass"), "'verdict'"),
        (lambda body: body.update(released="v9"), "v9 .* not among its versions"),
        (lambda body: body.update(released_before=["v8"]), "v8 .* not among its versions"),
        (
            lambda body: body["split"]["slices"][1].__setitem__(2, "v7"),
            "v7 .* not among its versions",
        ),
        (lambda body: body["split"].update(shadows=[["v6", 100]]), "v6 .* not among its versions"),
        (lambda body: body["rollout"].update(candidate="v5"), "v5 .* not among its versions"),
        (lambda body: body["rollout"].update(stable="v4"), "v4 .* not among its versions"),
        (lambda body: body["rollout"].update(policy={"alpha": 0.05}), "'rules'"),
        (lambda body: body["rollout"].update(policy={**BODY, "gamma": 1}), "'gamma'"),
        (lambda body: body["rollout"].update(step=2), "step 2 of 2"),
        (lambda body: body["rollout"].update(step=-1), "step -1 of 2"),
    ],
)
def test_a_broken_body_is_refused_by_what_is_wrong(
    break_it: Callable[[dict[str, Any]], object], named: str
) -> None:
    body = deepcopy(CANARY.to_body())
    break_it(body)
    with pytest.raises(BrokenRecord, match=f"revision 7 cannot be read: .*{named}"):
        from_body(body, 7)


def test_a_version_is_found_by_its_name() -> None:
    assert STARTED.version("v2").name == "v2"


@pytest.mark.parametrize(("ledger", "there"), [(EMPTY, "none yet"), (STARTED, "v1, v2, v3")])
def test_an_unknown_version_is_refused_with_those_there_are_and_the_next_step(
    ledger: Ledger, there: str
) -> None:
    with pytest.raises(UnknownVersion) as refused:
        ledger.version("v9")
    assert str(refused.value) == (
        f"v9 has never been deployed (deployed: {there}): run `python deploy.py deploy v9` first"
    )


@pytest.mark.parametrize(
    ("commands", "target"),
    [
        ([], None),
        (["deploy v1"], None),
        (["deploy v1", "promote v1"], None),
        (["deploy v1", "promote v1", "deploy v2", "shadow v2"], None),
        (["deploy v1", "promote v1", "deploy v2", "canary v2"], "v1"),
        (["deploy v1", "promote v1", "deploy v2", "canary v2", "pause"], "v1"),
        (["deploy v1", "promote v1", "deploy v2", "canary v2", "abort"], None),
        (["deploy v1", "promote v1", "deploy v2", "promote v2"], "v1"),
        (["deploy v1", "promote v1", "deploy v2", "promote v2", "rollback"], None),
        (["deploy v1", "promote v1", "deploy v2", "promote v2", "deploy v3", "shadow v3"], "v1"),
        (["deploy v1", "promote v1", "deploy v2", "promote v2", "deploy v3", "ab v3"], "v2"),
        (["deploy v1", "promote v1", "deploy v2", "promote v2", "deploy v3", "promote v3"], "v2"),
        (
            [
                "deploy v1",
                "promote v1",
                "deploy v2",
                "promote v2",
                "deploy v3",
                "promote v3",
                "rollback",
            ],
            "v1",
        ),
        (["deploy v1", "promote v1", "release-in-place v2"], "v1"),
        (["deploy v1", "promote v1", "deploy v2", "promote v2", "retire v1 --force"], None),
    ],
    ids=lambda case: ", ".join(case) if isinstance(case, list) else None,
)
def test_the_rollback_target_is_the_stable_version_of_a_rollout_else_the_one_released_before(
    commands: list[str], target: str | None
) -> None:
    assert ledger_after(*commands).rollback_target() == target


def test_a_version_is_live_from_deploy_to_retire() -> None:
    ledger = ledger_after("retire v3", ledger=STARTED)
    assert [version.name for version in ledger.live()] == ["v1", "v2"]
    assert all(version.state in LIVE for version in ledger.live())


def test_a_weight_is_a_share_of_the_traffic_and_nothing_for_whoever_has_none() -> None:
    assert (CANARY.weight("v1"), CANARY.weight("v2"), CANARY.weight("v3"), CANARY.weight("v9")) == (
        9500,
        500,
        0,
        0,
    )
    assert EMPTY.weight("v1") == 0


def test_without_a_rollout_there_is_nothing_running() -> None:
    with pytest.raises(
        NothingToDo, match="no rollout is in progress: start one with canary, shadow"
    ):
        STARTED.running()
    assert CANARY.running() is CANARY.rollout


def test_a_rollout_holds_the_traffic_against_every_other_candidate() -> None:
    CANARY.must_be_free_for("v2")
    STARTED.must_be_free_for("v3")
    with pytest.raises(RolloutInProgress) as refused:
        CANARY.must_be_free_for("v3")

    assert str(refused.value) == (
        "a canary of v2 is in progress (started by ana@test): "
        "`python deploy.py abort` or `python deploy.py promote v2` first"
    )


def test_a_change_gives_a_new_ledger_and_leaves_the_old_one() -> None:
    before = STARTED.to_body()
    changed = STARTED.with_event("v2", Event.SERVE)
    assert changed.version("v2").state is State.SERVING
    assert STARTED.to_body() == before
    assert STARTED.next() == replace(STARTED, revision=STARTED.revision + 1)
    with pytest.raises(FrozenInstanceError):
        STARTED.released = "v2"  # type: ignore[misc]

    with pytest.raises(TypeError):
        STARTED.versions["v2"] = STARTED.versions["v1"]  # type: ignore[index]


def test_a_version_that_is_replaced_keeps_its_place() -> None:
    fresh = Version("v1", State.DEPLOYED, "unix:/run/v1-9", "v1-9", "digest", "sklearn", 9.0)
    ledger = STARTED.with_version(fresh)
    assert list(ledger.versions) == ["v1", "v2", "v3"]
    assert ledger.version("v1") is fresh


@pytest.mark.parametrize(
    ("changes", "due"),
    [
        ({}, 130.0),
        ({"step_since": 110.0}, 140.0),
        ({"step": 1}, None),
        ({"held_s": 20.0}, 110.0),
        ({"paused": True}, None),
        ({"steps": ()}, None),
    ],
    ids=[
        "from its start",
        "from its last step",
        "a step without a hold",
        "after a pause",
        "paused",
        "a shadow",
    ],
)
def test_a_step_is_due_when_its_hold_is_over(changes: dict[str, Any], due: float | None) -> None:
    steps = (Step(500, 30.0), Step(5000))
    rollout = Rollout("id", "canary", "v2", "v1", steps, 0, 100.0, 100.0, "ana@test")
    assert replace(rollout, **changes).due_at() == due
