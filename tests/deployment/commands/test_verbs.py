"""The verbs, on real processes and a real record. One stack for all of them; each test brings its
own versions.
"""

import signal
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from deployment.commands import verbs
from deployment.workspace import workspace
from deployment.workspace.errors import CannotStart, ContractBroken, EdgeFailure, NotReadyInTime
from rollout.errors import (
    BadSetting,
    BadWeight,
    IllegalEvent,
    NothingToDo,
    NotReady,
    RolloutInProgress,
    UnknownVersion,
)
from rollout.settings import RouterSettings, Settings
from rollout.state.segments import segment_columns
from rollout.state.version_state import State
from store import Conflict
from targets.local.supervisor_client import Supervisor
from tests.deployment.project_harness import ProjectHarness, until


@pytest.fixture
def fresh(running: ProjectHarness) -> ProjectHarness:
    """The shared stack with v1 released, v2 deployed, no rollout and nothing else."""
    ledger = running.ledger()
    if ledger.rollout is not None:
        running.act("abort")

    for name in ("v1", "v2"):
        running.act("deploy", name)

    running.act("promote", "v1")
    for version in running.ledger().live():
        if version.name not in ("v1", "v2"):
            running.act("retire", version.name, True)

    return running


def programs(project: ProjectHarness) -> set[str]:
    """What runs."""
    return set(Supervisor(project.workspace()).processes()) - {"router"}


def test_a_version_goes_through_canary_to_release_and_back(fresh: ProjectHarness) -> None:
    assert fresh.act("canary", "v2", "5,50", None).summary == "v2 answers 5 %"
    assert fresh.ledger().weight("v2") == 500
    assert fresh.act("promote", "v2", True).summary == "v2 answers 50 %"
    assert fresh.act("promote", "v2", True).summary == "v2 released"
    back = fresh.act("rollback", reason="slow")
    assert (back.summary, back.undo) == ("from v2 to v1", "python deploy.py promote v2")
    newest = fresh.newest()
    assert (newest.action, newest.actor, newest.reason) == ("rollback", "ana@test", "slow")


def test_every_strategy_moves_traffic_as_it_says(fresh: ProjectHarness) -> None:
    fresh.act("shadow", "v2", 25.0)
    split = fresh.ledger().split
    assert split is not None
    assert (split.shadows, split.weights()) == ((("v2", 2500),), {"v1": 10_000})
    fresh.act("abort")
    fresh.act("ab", "v2", 30.0)
    assert fresh.ledger().weight("v2") == 3000
    fresh.act("abort")
    fresh.act("ramp", "v2", "10m", 4)
    rollout = fresh.ledger().running()
    assert [(step.weight, step.hold_s) for step in rollout.steps][:2] == [
        (2500, 200.0),
        (5000, 200.0),
    ]
    fresh.act("pause")
    assert fresh.ledger().running().paused
    fresh.act("resume")
    fresh.act("abort")
    fresh.act("start", "v2", "blue-green")
    assert fresh.ledger().released == "v2"


def test_a_release_in_place_replaces_the_process_and_its_rollback_starts_the_old_one_again(
    fresh: ProjectHarness,
) -> None:
    fresh.act("release_in_place", "v2")
    ledger = fresh.ledger()
    assert (ledger.released, ledger.version("v1").state) == ("v2", State.RETIRED)
    assert programs(fresh) == {ledger.version("v2").program}
    fresh.act("rollback")
    ledger = fresh.ledger()
    assert (ledger.released, programs(fresh)) == ("v1", {ledger.version("v1").program})


def test_a_version_is_drained_before_it_is_stopped(fresh: ProjectHarness) -> None:
    load = fresh.state / "run" / "in-flight"
    address = fresh.ledger().version("v2").address
    load.write_text(f'{{"{address}": 2}}')
    with ThreadPoolExecutor(1) as pool:
        retired = pool.submit(fresh.act, "retire", "v2", False)
        until(lambda: fresh.ledger().version("v2").state == State.RETIRED, "it is recorded")
        assert any(program.startswith("v2") for program in programs(fresh))
        load.unlink()
        retired.result(timeout=300)

    assert not any(program.startswith("v2") for program in programs(fresh))


def test_deploy_again_is_nothing(fresh: ProjectHarness) -> None:
    again = fresh.act("deploy", "v1")
    assert (again.changed, again.summary) == (False, "v1 is deployed already")


def test_what_the_rules_do_not_allow_is_refused_and_changes_nothing(fresh: ProjectHarness) -> None:
    fresh.deliver("v4")
    before = fresh.ledger()
    refusals: list[tuple[tuple[Any, ...], type[Exception], str]] = [
        (("deploy", "v9"), EdgeFailure, "v9 is not delivered"),
        (("promote", "v4", False), UnknownVersion, "`python deploy.py deploy v4` first"),
        (("canary", "v4", "5", None), UnknownVersion, "`python deploy.py deploy v4` first"),
        (("canary", "v1", "5", None), NothingToDo, "v1 is released already"),
        (("ab", "v2", float("nan")), BadWeight, "percentage from 0 to 100, not nan"),
        (("ab", "v2", 101.0), BadWeight, "not 101"),
        (("shadow", "v2", 0.0), BadWeight, "0 %"),
        (("pause",), NothingToDo, "no rollout is in progress"),
        (("retire", "v1", True), IllegalEvent, "v1 is released"),
        (("promote", "v2", True), NothingToDo, "no rollout is in progress"),
    ]
    for (verb, *options), error, words in refusals:
        with pytest.raises(error, match=words):
            fresh.act(verb, *options)

    assert fresh.ledger() == before


def test_a_second_rollout_waits_for_the_first(fresh: ProjectHarness) -> None:
    fresh.deliver("v5")
    fresh.act("deploy", "v5")
    fresh.act("canary", "v2", "5", None)
    with pytest.raises(RolloutInProgress, match="a canary of v2 is in progress"):
        fresh.act("canary", "v5", "5", None)


@pytest.mark.parametrize(
    ("name", "behaviour", "error", "words"),
    [
        ("dying", "dies", CannotStart, r"(?s)ended at once.*dying-\d+\.log.*not to my liking"),
        ("lying", "wrong", NotReadyInTime, r"golden row 0 gave 3, certified was 2.*lying-\d+\.log"),
    ],
)
def test_a_version_that_does_not_prove_itself_is_not_deployed(
    fresh: ProjectHarness, name: str, behaviour: str, error: type[Exception], words: str
) -> None:
    fresh.deliver(name, behaviour)
    toml = fresh.folder / "deploy.toml"
    before, revision = toml.read_text(), fresh.ledger().revision
    toml.write_text("[deployment]\nready_timeout_s = 2.0\n" if behaviour == "wrong" else before)
    try:
        with pytest.raises(error, match=words):
            fresh.act("deploy", name)
    finally:
        toml.write_text(before)

    assert fresh.ledger().revision == revision
    assert not any(program.startswith(name) for program in programs(fresh))


def test_a_running_version_that_fails_its_golden_rows_is_not_promoted_but_rollback_asks_nobody(
    fresh: ProjectHarness,
) -> None:
    fresh.act("promote", "v2", False) if fresh.ledger().released != "v2" else None
    behaviours = [fresh.folder / "releases" / name / "behaviour" for name in ("v1", "v2")]
    try:
        for path in behaviours:
            path.write_text("mute")
        with pytest.raises(
            NotReady, match=r"v1 has not answered its golden rows \(it answered 503"
        ):
            fresh.act("promote", "v1", False)
        assert fresh.act("rollback").summary == "from v2 to v1"
    finally:
        for path in behaviours:
            path.unlink()


def test_a_tampered_bundle_is_never_started(fresh: ProjectHarness) -> None:
    path = fresh.deliver("v6") / "golden.jsonl"
    path.write_text(path.read_text() + "\n")
    with pytest.raises(ContractBroken, match=r"golden\.jsonl was changed"):
        fresh.act("deploy", "v6")


def test_of_two_operators_one_wins_and_the_other_is_told_who(fresh: ProjectHarness) -> None:
    def promote(actor: str) -> str:
        try:
            return fresh.act("canary", "v2", "5", None, actor=actor, reason="mine").act
        except (Conflict, NothingToDo) as error:
            return str(error)

    for _ in range(5):
        with ThreadPoolExecutor(2) as pool:
            outcomes = sorted(pool.map(promote, ["ana@a", "ben@b"]), key=len)
        fresh.act("abort")
        if outcomes[0] == "canary" and "was first" in outcomes[1]:
            assert "`canary` (mine) at 20" in outcomes[1]
            return

    pytest.fail(f"they never met: {outcomes}")


def test_a_rollback_wins_against_whoever_keeps_writing(fresh: ProjectHarness) -> None:
    fresh.act("canary", "v2", "5", None)
    ended = threading.Event()

    def keep_writing() -> int:
        wrote = 0
        while not ended.is_set():
            try:
                wrote += fresh.act("resume" if wrote % 2 else "pause", actor="ben@b").changed
            except (Conflict, NothingToDo):
                continue

        return wrote

    with ThreadPoolExecutor(1) as pool:
        writing = pool.submit(keep_writing)
        try:
            until(lambda: fresh.ledger().running().paused, "ben writes")
            assert fresh.act("rollback").summary == "from v2 to v1"
        finally:
            ended.set()
        assert writing.result(timeout=300) > 0

    assert (fresh.ledger().rollout, fresh.ledger().weight("v1")) == (None, 10_000)


def test_of_two_rollbacks_at_once_none_fails_halfway(fresh: ProjectHarness) -> None:
    fresh.act("promote", "v2")
    with ThreadPoolExecutor(2) as pool:
        acts = [pool.submit(fresh.act, "rollback", actor=f"op{n}") for n in range(2)]
        outcomes = [future.exception(timeout=300) for future in acts]

    assert None in outcomes
    assert all(error is None or isinstance(error, NothingToDo) for error in outcomes)


def test_two_operators_deploying_one_version_get_one_process(fresh: ProjectHarness) -> None:
    fresh.deliver("v8")

    def deploy(actor: str) -> str:
        try:
            return "started" if fresh.act("deploy", "v8", actor=actor).changed else "there already"
        except EdgeFailure as error:
            return str(error)

    with ThreadPoolExecutor(2) as pool:
        outcomes = list(pool.map(deploy, ["ana@a", "ben@b"]))

    assert outcomes.count("started") == 1
    other = next(outcome for outcome in outcomes if outcome != "started")
    assert other == "there already" or "is starting v8 right now" in other
    assert [program for program in programs(fresh) if program.startswith("v8")] == [
        fresh.ledger().version("v8").program
    ]


def test_a_deploy_does_not_lose_against_acts_it_does_not_compete_with(
    fresh: ProjectHarness,
) -> None:
    fresh.deliver("v10")
    with ThreadPoolExecutor(1) as pool:
        deployed = pool.submit(fresh.act, "deploy", "v10")
        until(
            lambda: any(program.startswith("v10") for program in programs(fresh)), "it is started"
        )
        fresh.act("canary", "v2", "5", None)
        assert deployed.result(timeout=300).changed

    assert fresh.ledger().version("v10").state == State.DEPLOYED


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_while_waiting_leaves_nothing_and_says_so(
    fresh: ProjectHarness, number: signal.Signals
) -> None:
    name = f"mute{int(number)}"
    fresh.deliver(name, "mute")
    revision = fresh.ledger().revision
    process = fresh.begin("deploy", name, "--json")
    until(lambda: any(program.startswith(name) for program in programs(fresh)), "it is started")
    process.send_signal(number)
    out, err = process.communicate(timeout=300)
    assert process.returncode == 130, out + err
    assert "interrupted: nothing was recorded and no traffic moved" in out
    assert "Traceback" not in err
    assert fresh.ledger().revision == revision
    assert not any(program.startswith(name) for program in programs(fresh))


@pytest.mark.parametrize("how", ["blue-green", "release-in-place"])
def test_a_switch_that_is_watched_needs_the_fallback(how: str, tmp_path: Path) -> None:
    here = workspace.workspace_from_environment(
        {"SLUICE_STATE": str(tmp_path)}, Settings(router=RouterSettings(fallback=False))
    )
    with pytest.raises(BadSetting, match=r"router\.fallback is off"):
        verbs.release_in_place(
            here, "v2", auto=True
        ) if how == "release-in-place" else verbs.blue_green(here, "v2", auto=True)


def test_a_version_with_side_effects_gets_draws_and_no_copies(fresh: ProjectHarness) -> None:
    listed = [{"column": "x", "values": ["1", "2"]}]
    fresh.deliver("acting", side_effects=True, segments=listed)
    fresh.act("deploy", "acting")
    version = fresh.ledger().version("acting")
    assert (version.side_effects, version.segments) == (True, segment_columns(listed))
    for verb, options in (
        ("shadow", (100.0,)),
        ("blue_green", (False, True)),
        ("release_in_place", (False, True)),
    ):
        with pytest.raises(IllegalEvent, match="predictions of acting have side effects"):
            fresh.act(verb, "acting", *options)

    fresh.act("canary", "acting", None, None, False, True)
    judged = fresh.ledger().running().policy
    assert judged is not None
    assert judged.no_copies == "predictions of acting have side effects"
    fresh.act("abort")


def test_the_segments_of_a_bundle_are_kept_with_the_plan(fresh: ProjectHarness) -> None:
    fresh.deliver("segmented", segments=[{"column": "x", "values": ["1", "2"]}])
    fresh.act("deploy", "segmented")
    fresh.act("canary", "segmented", None, None, False, True)
    judged = fresh.ledger().running().policy
    assert judged is not None
    [rule] = [rule for rule in judged.rules if rule.name == "pairs"]
    assert rule.segments == ("x=1", "x=2", "x=other", "x=null")
    fresh.act("abort")
