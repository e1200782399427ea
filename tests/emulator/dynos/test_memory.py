"""Memory: what is counted, and what the log says of too much of it."""

import os

import pytest

from emulator.dynos import memory
from emulator.dynos.logs import Log
from emulator.model.app import App, Dyno, Release
from emulator.model.record import Account
from emulator.model.sizes import SIZES


@pytest.fixture
def dyno():
    account = Account("a@example.com")
    app = App("app", account, Log())
    release = Release(app, account, 1, "Initial release", None, {})
    return Dyno(app, "web", "web.1", "python sample_app.py", SIZES["basic"], release)


@pytest.mark.parametrize(("used", "words"), [(511, ""), (600, "R14"), (1025, "R15")])
def test_too_much_memory_is_said(dyno, used, words):
    memory.judge(dyno, used)
    log = " ".join(line.text for line in dyno.app.log.lines)
    assert (words in log) if words else not log


def test_memory_of_a_process_group_is_counted():
    assert memory.used_mb(os.getpgrp()) > 1
