"""Whose numbers are believed: those of workers that live, and of dead ones what they counted."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from router.evidence import worker_metrics
from router.evidence.worker_metrics import Snapshot, all_snapshots, forget, publish
from router.process_identity import lives, started_at

OWN = Snapshot(os.getpid(), {}, {}, started=started_at(os.getpid()))


@pytest.fixture
def other() -> Iterator["subprocess.Popen[bytes]"]:
    """Another process."""
    made = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    yield made
    made.kill()
    made.communicate()


def of(pid: int, started: int) -> Snapshot:
    """What a worker published."""
    return Snapshot(pid, {"requests": 5}, {"in_flight": 2}, revision=3, started=started)


def seen(state: Path) -> Snapshot:
    """The one snapshot beside the own one."""
    _, found = all_snapshots(state, OWN)
    return found


def test_a_worker_that_lives_is_believed_until_it_is_killed_then_only_its_counts(
    tmp_path, other
) -> None:
    publish(tmp_path, of(other.pid, started_at(other.pid)))
    assert (seen(tmp_path).gone, seen(tmp_path).gauges, seen(tmp_path).revision) == (
        False,
        {"in_flight": 2},
        3,
    )
    other.kill()
    # Nobody has waited for it, so that its process id is still taken.
    os.waitid(os.P_PID, other.pid, os.WEXITED | os.WNOWAIT)
    assert (seen(tmp_path).gone, seen(tmp_path).gauges, seen(tmp_path).counts) == (
        True,
        {},
        {"requests": 5},
    )
    other.wait()
    assert seen(tmp_path).gone


def test_a_process_that_has_got_a_dead_workers_id_is_not_taken_for_it(tmp_path, other) -> None:
    publish(tmp_path, of(other.pid, started_at(other.pid) - 1))
    assert (seen(tmp_path).gone, seen(tmp_path).counts) == (True, {"requests": 5})


def test_a_snapshot_of_before_that_does_not_say_when_its_worker_began_is_not_believed(
    tmp_path, other
) -> None:
    publish(tmp_path, of(other.pid, 0))
    assert seen(tmp_path).gone


def test_a_router_counts_from_zero_unless_workers_of_a_killed_master_still_answer(
    tmp_path, other
) -> None:
    publish(tmp_path, of(other.pid, started_at(other.pid)))
    forget(tmp_path)
    assert seen(tmp_path).counts == {"requests": 5}
    other.kill()
    other.wait()
    (worker_metrics.folder(tmp_path) / "7.8.draft").write_text("half")
    forget(tmp_path)
    assert list(worker_metrics.folder(tmp_path).iterdir()) == []


def test_without_proc_any_process_of_that_id_counts(monkeypatch, other) -> None:
    monkeypatch.setattr("router.process_identity._has_proc", lambda: False)
    assert lives(other.pid, 0)
    other.kill()
    other.wait()
    assert not lives(other.pid, 0)
