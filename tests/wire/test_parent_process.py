"""A process ends with the one that started it, however that ended."""

import os
import signal
import subprocess
import sys
from pathlib import Path

from tests.process_tree import has_ended
from tests.until import until

ROOT = Path(__file__).parents[2]
CHILD = "import os, signal; from wire.parent_process import end_with; end_with({parent}); {then}"
TELLS = "print(os.getpid(), flush=True); signal.pause()"
MIDDLE = """
import os, signal, subprocess, sys

subprocess.Popen([sys.executable, "-c", sys.argv[1].replace("PARENT", str(os.getpid()))])
signal.pause()
"""


def test_it_ends_when_its_parent_is_killed():
    child = CHILD.format(parent="PARENT", then=TELLS)
    command = [sys.executable, "-c", MIDDLE, child]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE) as middle:
        number = int(middle.stdout.readline())
        assert not has_ended(number)
        middle.kill()

    until(lambda: has_ended(number), "the child of a killed process ends")


def test_it_ends_at_once_where_its_parent_has_ended_before():
    child = CHILD.format(parent=os.getppid(), then="print('goes on')")
    done = subprocess.run(
        [sys.executable, "-c", child], cwd=ROOT, capture_output=True, timeout=60, check=False
    )
    assert (done.returncode, done.stdout) == (-signal.SIGKILL, b"")


def test_it_goes_on_while_its_parent_lives():
    child = CHILD.format(parent=os.getpid(), then="print('goes on')")
    done = subprocess.run(
        [sys.executable, "-c", child], cwd=ROOT, capture_output=True, timeout=60, check=True
    )
    assert done.stdout == b"goes on\n"
