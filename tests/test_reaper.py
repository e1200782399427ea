"""A test run that is killed or interrupted in the middle leaves no process, and no test's failure
spoils another.
"""

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.reaper import NAME, kill_all, started_by
from tests.until import until

ROOT = Path(__file__).parents[1]
STARTS_MUCH = """
import os, signal, subprocess, sys, time
from pathlib import Path

def test_that_is_in_the_middle(tmp_path):
    nap = "import time; time.sleep(600)"
    deaf = f"import signal; [signal.signal(n, signal.SIG_IGN) for n in (1, 2, 15)]; {nap}"
    daemon = f"import os, time; os.fork() and os._exit(0); {nap}"
    alone = f"os.execve(sys.executable, [sys.executable, '-c', {nap!r}], {{}})"
    bare = f"import os, sys; os.fork() or {alone}; {nap}"
    for program in (nap, deaf, daemon, bare):
        subprocess.Popen([sys.executable, "-c", program], start_new_session=True)
    Path(os.environ["READY"]).touch()
    time.sleep(600)
"""
LEAKS = """
import subprocess, sys

def test_that_fails_with_something_open():
    started = subprocess.Popen([sys.executable, "-c", "input()"], stdin=-1, stdout=-1)
    assert False

def test_the_next():
    pass
"""


def inner(folder: Path, text: str, **environ: str) -> "subprocess.Popen[str]":
    """A test run of its own, of one file."""
    shutil.copy(ROOT / "tests" / "conftest.py", folder / "conftest.py")
    (folder / "test_inner.py").write_text(text)
    own = ["-c", str(ROOT / "pyproject.toml"), "--rootdir", str(folder), "-p", "no:cacheprovider"]
    return subprocess.Popen(
        [sys.executable, "-m", "pytest", *own, str(folder / "test_inner.py")],
        cwd=ROOT,
        env={**os.environ, **environ},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def mark_of(run: "subprocess.Popen[str]") -> str:
    """What the processes of a run carry, read from one of its children."""
    own = os.environ.get(NAME, "")
    for child in Path(f"/proc/{run.pid}/task/{run.pid}/children").read_text().split():
        for line in Path(f"/proc/{child}/environ").read_bytes().split(b"\0"):
            name, _, value = line.decode(errors="replace").partition("=")
            if name == NAME and value != own:
                return value

    return ""


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT, signal.SIGTERM])
def test_a_run_that_is_ended_in_the_middle_leaves_nothing(
    tmp_path: Path, how: signal.Signals
) -> None:
    run = inner(tmp_path, STARTS_MUCH, READY=str(tmp_path / "ready"), TESTS_PATIENCE_S="1")
    try:
        until((tmp_path / "ready").exists, "the test has started what it starts")
        mark = until(lambda: mark_of(run), "its processes carry its mark")
        until(lambda: len(started_by(mark)) >= 5, "all of them run")
        run.send_signal(how)
        run.communicate(timeout=300)
        until(lambda: not started_by(mark), "nothing is left")
    finally:
        run.kill()
        run.communicate()
        kill_all(mark)


def test_what_a_failed_test_left_open_fails_no_other(tmp_path: Path) -> None:
    run = inner(tmp_path, LEAKS)
    said, _ = run.communicate(timeout=300)
    assert "1 failed, 1 passed" in said, said
