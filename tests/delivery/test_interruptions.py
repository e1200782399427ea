"""Ctrl-C, an end from outside, and a full disk: nothing half-written is left, and the next delivery
works.
"""

import os
import signal
import subprocess
import sys

import pytest

from delivery.errors import DeliveryError
from delivery.pack import deliver
from tests.delivery.delivery_harness import ROOT
from tests.delivery.test_pack import environ
from tests.until import until

pytestmark = pytest.mark.usefixtures("few_probes")
MOMENTS = "held-out rows", "certified runtime", "held out: ", "golden rows answered"
# What a signal is does not depend on the moment.
INTERRUPTIONS = [
    *((moment, signal.SIGINT) for moment in MOMENTS),
    *(pytest.param(moment, signal.SIGTERM, marks=pytest.mark.soak) for moment in MOMENTS[:-1]),
    (MOMENTS[-1], signal.SIGTERM),
]


@pytest.fixture
def start():
    """start(harness, recipe): `python deploy.py deliver v1`, under way; what a failed test left of
    it is ended.
    """
    started = []

    def made(harness, path):
        command = [sys.executable, "deploy.py", "deliver", "v1", "--from", str(path)]
        env = environ(harness)
        started.append(
            subprocess.Popen(
                command, cwd=ROOT, env=env, stdout=-1, stderr=subprocess.STDOUT, text=True
            )
        )
        return started[-1]

    yield made
    for process in started:
        if process.poll() is None:
            process.kill()
        process.communicate()


def interrupted(process, number):
    """Send a signal; returns what the process said at its end."""
    process.send_signal(number)
    message, _ = process.communicate(timeout=300)
    assert process.returncode == 130, message
    assert "Traceback" not in message
    return message


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interruption_while_the_recipe_builds_leaves_nothing(harness, start, number):
    os.mkfifo(harness.folder / "data")
    reached = harness.folder / "reached"
    text = (
        f"def build():\n    open({str(reached)!r}, 'w').close()\n    "
        f"open({str(harness.folder / 'data')!r}).read()\n"
    )
    process = start(harness, harness.recipe("waits", text))
    until(reached.exists, "the recipe waits for its data")
    assert "v1 is not delivered and nothing of it is left" in interrupted(process, number)
    assert harness.left() == []


def test_ctrl_c_in_the_middle_leaves_nothing_and_the_next_delivery_works(harness, start):
    process = start(harness, harness.recipe("logistic"))
    until(
        lambda: list(harness.releases.glob(".v1.partial-*/model.pkl")),
        "the draft has its pickle",
        60,
    )
    assert "v1 is not delivered and nothing of it is left" in interrupted(process, signal.SIGINT)
    assert harness.left() == []
    assert harness.deliver("logistic").fresh


@pytest.mark.parametrize(("moment", "number"), INTERRUPTIONS)
def test_an_interruption_at_any_step_leaves_nothing(harness, moment, number):
    before = signal.getsignal(number)

    def report(line):
        if moment in line:
            signal.raise_signal(number)

    with pytest.raises(KeyboardInterrupt):
        deliver(harness.request("logistic"), report)

    assert harness.left() == []
    assert signal.getsignal(number) is before


@pytest.fixture
def remount(harness):
    """remount(options): give the harness's releases, which are on a disk of their own, that much
    room.
    """
    if os.geteuid() != 0:
        pytest.skip("only root mounts a small disk: run as root to see deliveries on a full one")

    harness.releases.mkdir()
    command = ["mount", "-t", "tmpfs", "small", str(harness.releases)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    if done.returncode != 0:
        pytest.skip(f"a small disk cannot be mounted here: {done.stderr.strip()}")

    def room(options):
        command = ["mount", "-o", f"remount,{options}", str(harness.releases)]
        subprocess.run(command, timeout=300, check=True)

    yield room
    subprocess.run(["umount", str(harness.releases)], timeout=300, check=True)


def test_a_disk_that_is_full_at_any_file_is_said_and_nothing_is_left(harness, remount):
    for room in (
        "size=4k",
        "size=8k",
        "size=16k",
        "size=24k",
        "size=1m,nr_inodes=1",
        "size=1m,nr_inodes=6",
    ):
        remount(room)
        with pytest.raises(
            DeliveryError, match=f"the disk of {harness.releases} is full: free some space and"
        ):
            harness.deliver("logistic")
        assert harness.left() == [], room

    remount("size=1m,nr_inodes=100")
    assert harness.deliver("logistic").fresh
