"""The emulator as a process: what it prints, and that it leaves nothing behind."""

import os
import signal
from pathlib import Path

import pytest

from tests.emulator.emulator_harness import PLAIN, start, stop
from tests.until import until


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_ends_with_everything_it_started(number, tmp_path):
    heroku = start(None, "--state", str(tmp_path))
    try:
        dyno = heroku.get(heroku.sample_app()).json()
        heroku.process.send_signal(number)
        heroku.process.communicate(timeout=300)
    finally:
        code = stop(heroku)

    assert code == 0
    assert not Path(f"/proc/{dyno['pid']}").exists()
    assert list((tmp_path / "dynos").iterdir()) == []


def test_when_it_is_killed_its_processes_go_with_it(tmp_path):
    heroku = start(None, "--state", str(tmp_path))
    try:
        dyno = heroku.get(heroku.sample_app()).json()
        os.kill(heroku.process.pid, signal.SIGKILL)
        assert until(lambda: not _runs(dyno["pid"]), "the dyno is gone")
    finally:
        stop(heroku)


def test_a_build_that_takes_longer_than_15_minutes_fails(tmp_path):
    heroku = start(None, "--state", str(tmp_path), "--hurry", "600")
    try:
        build, output = heroku.build(
            heroku.new(), {**PLAIN, "bin/pre_compile": "#!/bin/sh\nsleep 60\n"}
        )
    finally:
        stop(heroku)

    assert (build["status"], "longer than 15 minutes" in output) == ("failed", True)


def test_without_the_schema_nothing_is_validated_and_all_else_works(tmp_path):
    heroku = start(None, "--state", str(tmp_path))
    try:
        heroku.new()
        account = heroku.account()["exchanges"]
        assert (account["validated"], account["unvalidated"]) == (0, 1)
        assert heroku.public.get("/schema").status_code == 404
        assert heroku.api.get("/teams").status_code == 404
    finally:
        stop(heroku)


def _runs(number: int) -> bool:
    try:
        return Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False
