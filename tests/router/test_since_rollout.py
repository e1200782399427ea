"""Counts since the rollout in progress began, over workers that live and those that died."""

import msgspec

from router.evidence.worker_metrics import (
    SinceRollout,
    Snapshot,
    all_snapshots,
    folder,
    publish,
    retire,
)


def test_counts_begin_with_the_rollout_and_end_with_it():
    since = SinceRollout()
    assert since.of("", {"a": 5.0}) == {}
    assert since.of("r1", {"a": 5.0}) == {"a": 0.0}
    assert since.of("r1", {"a": 7.0, "b": 1.0}) == {"a": 2.0, "b": 1.0}
    assert since.of("r2", {"a": 8.0, "b": 1.0}) == {"a": 0.0, "b": 0.0}
    assert since.of("", {"a": 9.0}) == {}


def test_a_worker_that_died_is_counted_for_its_rollout_alone(tmp_path):
    for pid, rollout, since in ((11, "r1", 4.0), (12, "r1", 3.0), (13, "r2", 2.0)):
        publish(tmp_path, Snapshot(pid, {"a": 10.0}, {}, rollout=rollout, since={"a": since}))
        retire(tmp_path, pid)
        [dead] = [each for each in all_snapshots(tmp_path, Snapshot(1, {}, {})) if each.gone]
        expected = {11: 4.0, 12: 7.0, 13: 2.0}[pid]
        assert (dead.rollout, dead.since) == (rollout, {"a": expected})

    assert dead.counts == {"a": 30.0}
    assert msgspec.json.decode((folder(tmp_path) / "0.json").read_bytes())["since"] == {"a": 2.0}
