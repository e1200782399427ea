"""Ctrl-C ends an act as KeyboardInterrupt wherever it falls."""

import subprocess
import sys

import pytest

PROGRAM = """
import os, signal
from deployment.workspace.interrupts import end_like_ctrl_c, uninterrupted

class Told:
    def {where}(self, *_):
        if end:
            os.kill(os.getpid(), signal.{name})
            sum(range(1000))
        end.append(1)

end = []

end_like_ctrl_c()
try:
    end.append(1)
    class Made:
        field = Told()
    del Made.field
    signal.pause()
except KeyboardInterrupt:
    with uninterrupted():
        os.kill(os.getpid(), signal.{name})
    print("ended")
"""


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM"])
@pytest.mark.parametrize("where", ["__set_name__", "__del__"])
def test_ctrl_c_is_not_lost_where_python_would_wrap_or_swallow_it(where, name):
    done = ended([sys.executable, "-c", PROGRAM.format(name=name, where=where)])
    assert done.stdout == "ended\n", done.stderr


IN_A_WEAK_REFERENCE = """
import os, signal, weakref
from deployment.workspace.interrupts import end_like_ctrl_c

class Held:
    pass

def called(_):
    os.kill(os.getpid(), signal.{name})
    sum(range(1000))

end_like_ctrl_c()
held = Held()
reference = weakref.ref(held, called)
try:
    del held
    signal.pause()
except KeyboardInterrupt:
    print("ended")
"""


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM"])
def test_ctrl_c_is_not_lost_where_python_would_only_print_it(name):
    done = ended([sys.executable, "-c", IN_A_WEAK_REFERENCE.format(name=name)])
    assert (done.stdout, done.stderr) == ("ended\n", "")


AT_THE_END = """
import os, runpy, signal, sys, weakref

class Held:
    pass

def late():
    os.kill(os.getpid(), signal.{name})
    sum(range(1000))
    print("late")

held = Held()
weakref.finalize(held, late)
sys.argv = ["deploy.py", "lint"]
runpy.run_path("deploy.py", run_name="__main__")
"""


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM"])
def test_ctrl_c_at_the_very_end_of_a_verb_spoils_nothing(name):
    plain = ended([sys.executable, "deploy.py", "lint"])
    done = ended([sys.executable, "-c", AT_THE_END.format(name=name)])
    assert (done.returncode, done.stderr) == (plain.returncode, plain.stderr)
    assert done.stdout.splitlines()[-1] == "late"


IN_THE_BACKGROUND = """
import os, signal
from deployment.workspace.interrupts import end_like_ctrl_c

end_like_ctrl_c()
os.kill(os.getpid(), signal.SIGINT)
print("still here", flush=True)
try:
    os.kill(os.getpid(), signal.SIGTERM)
    signal.pause()
except KeyboardInterrupt:
    print("ended")
"""


def test_a_command_that_was_started_with_ctrl_c_ignored_goes_on_ignoring_it():
    command = ["sh", "-c", 'trap "" INT; exec "$0" -c "$1"', sys.executable, IN_THE_BACKGROUND]
    assert ended(command).stdout == "still here\nended\n"


def ended(command):
    """What a command said, and how it ended."""
    return subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
