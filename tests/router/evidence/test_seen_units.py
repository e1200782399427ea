"""Each unit is new once in a rollout: over all workers of a machine, and over their ends."""

import os
import stat

import pytest

from router.evidence.seen_units import BYTES, SeenUnits


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "run" / "units"


def test_a_unit_is_new_once(folder):
    units = SeenUnits(folder, "toy:canary:v2:4")
    assert [units.first(b"anna"), units.first(b"anna"), units.first(b"bert")] == [True, False, True]


def test_what_one_worker_met_the_others_have_met(folder):
    one, other = SeenUnits(folder, "toy:canary:v2:4"), SeenUnits(folder, "toy:canary:v2:4")
    assert one.first(b"anna")
    assert not other.first(b"anna")
    assert other.first(b"bert")
    assert not one.first(b"bert")


def test_what_was_met_outlives_its_worker(folder):
    units = SeenUnits(folder, "toy:canary:v2:4")
    units.first(b"anna")
    units.close()
    again = SeenUnits(folder, "toy:canary:v2:4")
    assert not again.first(b"anna")
    assert again.first(b"bert")


def test_another_rollout_begins_anew_and_the_file_of_the_one_before_goes(folder):
    before = SeenUnits(folder, "toy:canary:v2:4")
    before.first(b"anna")
    after = SeenUnits(folder, "toy:canary:v2:9")
    assert after.first(b"anna")
    assert len(list(folder.iterdir())) == 1
    assert not before.first(b"anna"), "a worker that still maps the old file goes on with it"


def test_of_100_000_units_fewer_than_2_in_100_are_taken_for_known_and_none_is_new_twice(folder):
    units = SeenUnits(folder, "toy:canary:v2:4")
    known = sum(not units.first(b"unit-%d" % number) for number in range(100_000))
    assert known < 2_000
    assert not any(units.first(b"unit-%d" % number) for number in range(100_000))


def test_its_file_is_of_one_size_and_for_its_user_alone(folder):
    units = SeenUnits(folder, "toy:canary:v2:4")
    for number in range(1_000):
        units.first(os.urandom(number % 200))

    (path,) = folder.iterdir()
    assert path.stat().st_size == BYTES
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_the_disk_cannot_be_full_when_a_unit_is_met(folder):
    """A page of a mapped file that has no room yet would end the process, not fail."""
    SeenUnits(folder, "toy:canary:v2:4")
    (path,) = folder.iterdir()
    assert path.stat().st_blocks * 512 >= BYTES


def test_where_no_file_can_be_had_a_worker_still_counts_a_unit_once(tmp_path, caplog):
    blocked = tmp_path / "units"
    blocked.write_text("a file where the folder should be")
    units = SeenUnits(blocked, "toy:canary:v2:4")
    assert [units.first(b"anna"), units.first(b"anna")] == [True, False]
    assert "this worker alone" in caplog.text
