"""What holds for every test: a terminal's signals, and no process or file left open at the end."""

import gc
import os
import secrets
import signal
import subprocess
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from tests import fork_server, reaper

# How long what the tests started may take to end; a test of this file itself is less patient.
ENDS_S = float(os.environ.get("TESTS_PATIENCE_S", "60"))
# Files of tests that mostly wait, for processes and their clocks; the others mostly compute.
WAITING = ("tests/e2e/", "tests/emulator/", "tests/targets/", "tests/trials/")
_LAST = ("last_exc", "last_traceback", "last_type", "last_value")


def pytest_configure() -> None:
    """Take Ctrl-C also where a script's `&`, nohup or a CI have their children ignore it."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.pthread_sigmask(signal.SIG_SETMASK, [])


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Spread the files that mostly wait over the run, so that processors are busy meanwhile."""
    by_file: dict[str, list[pytest.Item]] = {}
    for item in items:
        by_file.setdefault(item.nodeid.partition("::")[0], []).append(item)

    waiting = [file for file in by_file if file.startswith(WAITING)]
    order = [file for file in by_file if not file.startswith(WAITING)]
    # The last ones begin when a fifth of the others is still to come.
    distance = 0.8 * len(order) / max(1, len(waiting))
    for number, file in enumerate(waiting):
        order.insert(number + round(number * distance), file)

    items[:] = [item for file in order for item in by_file[file]]


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup() -> None:
    """Let a model without a random state be the same in every run, in fixtures too."""
    np.random.seed(0)


def pytest_collection_finish() -> None:
    """Spare the garbage collector what was imported: it would look at it in every collection."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session", autouse=True)
def _nothing_outlives_the_run() -> Iterator[None]:
    """A reaper ends the processes of the tests, also where the run is killed; a run that leaves any
    fails.
    """
    mark = secrets.token_hex(8)
    before = os.environ.get(reaper.NAME)
    command = [sys.executable, str(Path(reaper.__file__)), mark]
    # Without the mark itself and in a session of its own: it has to outlive the run.
    reaper_process = subprocess.Popen(command, stdin=subprocess.PIPE, start_new_session=True)
    os.environ[reaper.NAME] = mark
    try:
        yield
        fork_server.end_all()
        left = {pid: _command(pid) for pid in reaper.left_after(mark, ENDS_S)}
    finally:
        if before is None:
            del os.environ[reaper.NAME]
        else:
            os.environ[reaper.NAME] = before
        reaper_process.communicate()

    assert not left, f"tests left these processes behind: {left}"


@pytest.fixture(scope="module", autouse=True)
def _leaks_belong_to_their_module() -> Iterator[None]:
    """Objects that a module's tests opened and never closed are collected, and warned about, before
    the next module begins.
    """
    yield
    gc.collect()
    # What is left lives as long as the run: the next collections need not look at it again.
    gc.freeze()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[None]:
    """A test that failed could not close what it opened; its one failure is enough."""
    report = yield
    if report.when == "teardown" and getattr(item, "_has_failed", False):
        for name in _LAST:
            sys.__dict__.pop(name, None)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            gc.collect()
    elif report.failed:
        item._has_failed = True  # type: ignore[attr-defined]

    return report


def _command(pid: int) -> str:
    try:
        return (
            Path(f"/proc/{pid}/cmdline")
            .read_bytes()
            .replace(b"\0", b" ")
            .decode(errors="replace")[:200]
        )
    except OSError:
        return "(ended meanwhile)"
