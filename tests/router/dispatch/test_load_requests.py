"""A load test's requests are drawn as users' are, and change nothing that a verdict reads."""

import random

import msgspec
import pytest

from router.dispatch.dispatcher import LOAD_SHARE
from router.problems import Problem
from tests.router.fakes import DispatcherHarness, begun, deployed


def ask_load(harness: DispatcherHarness, unit: bytes, pin: str | None = None) -> list:
    """Send one marked request; returns the list that its reply will be put in."""
    replies: list = []
    draw = harness.traffic.draw_load(unit, pin)
    harness.traffic.send(draw, [msgspec.Raw(b"1")], pin is not None, 10.0, replies.append)
    harness.loop.run()
    return replies


def settle(harness: DispatcherHarness, how: str) -> None:
    """Let every version answer all of its batches, or fail them."""
    while waiting := [pool for pool in harness.versions.values() if pool.sent]:
        for pool in waiting:
            if how == "answer":
                pool.answer()
            elif how == "row":
                pool.answer([{"row": 0, "status": 500, "detail": "as asked"}])
            else:
                pool.fail(how)

            harness.loop.run()


def story(tmp_path, loads: bool) -> tuple:
    """What is counted after users' requests and failures, with marked requests between or not."""
    harness, chance = (
        DispatcherHarness(begun(deployed("v1", "v2")), units=tmp_path),
        random.Random(7),
    )
    for number in range(150):
        if loads:
            ask_load(harness, b"unit-%d" % number)
            ask_load(harness, b"load-%d" % number)
            settle(harness, chance.choice(("answer", "answer", "row")))
        else:
            chance.choice((1, 2, 3))

        harness.ask(b"unit-%d" % (number // 2))
        settle(harness, "answer" if number % 10 else "row")

    traffic = harness.traffic
    counts = {
        key: value
        for key, value in traffic.counts.flat().items()
        if not key.startswith(("latency", "batch_rows"))
    }
    evidence = {
        version: {
            kind: harness.counted(version)[kind] for kind in ("drawn", "finished", "outcomes")
        }
        for version in ("v1", "v2")
    }
    return evidence, counts, traffic.drawn, traffic.counts.total(), sorted(traffic.tallies.rows())


def test_a_load_during_a_judged_canary_changes_nothing_that_its_verdict_reads(tmp_path):
    (tmp_path / "with").mkdir()
    (tmp_path / "without").mkdir()
    loaded, plain = story(tmp_path / "with", True), story(tmp_path / "without", False)
    assert loaded[:4] == plain[:4]
    kinds = [[(*row[:3], set(row[3])) for row in told[4]] for told in (loaded, plain)]
    assert kinds[0] == kinds[1]
    assert sum(of["drawn"]["all"] for of in plain[0].values()) == 75


def test_marked_requests_are_told_apart_by_version_and_status():
    harness = DispatcherHarness(begun(deployed("v1", "v2")))
    for number in range(50):
        ask_load(harness, b"%d" % number)

    settle(harness, "answer")
    apart = harness.traffic.load_counts.requests_by("load")
    assert sum(apart.values()) == 50
    assert {key.split("\x1f")[1] for key in apart} == {"v1", "v2"}
    assert harness.traffic.counts.total() == 0


def test_a_marked_request_is_drawn_like_a_users_of_the_same_unit():
    harness = DispatcherHarness(begun(deployed("v1", "v2")))
    for version in ("v1", "v2"):
        unit = harness.unit_of(version)
        assert harness.traffic.draw_load(unit, None).version == version

    assert harness.traffic.draw_load(unit, "v1").version == "v1"
    with pytest.raises(Problem, match="not deployed"):
        harness.traffic.draw_load(unit, "v9")


@pytest.mark.parametrize(("auto", "taken"), [(True, False), (False, True)])
def test_beside_a_queue_it_gives_way_while_a_rollout_is_judged_and_waits_otherwise(auto, taken):
    harness = DispatcherHarness(begun(deployed("v1", "v2"), auto=auto))
    lane = harness.traffic.lanes["v1"]
    lane.batch_sizer.waiting_rows = 40
    harness.ask(pin="v1", rows=range(20))
    while lane.queued_rows <= LOAD_SHARE * 40:
        harness.ask(pin="v1", rows=range(5))

    unit = harness.unit_of("v1")
    replies = ask_load(harness, unit)
    assert (not replies) == taken
    if replies:
        assert replies[0].lost.reason == "gave way"

    assert not harness.ask(unit)
