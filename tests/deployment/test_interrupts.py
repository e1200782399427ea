"""Ctrl-C ends an act as KeyboardInterrupt wherever it falls."""

import subprocess
import sys

import pytest

PROGRAM = """
import os, signal
from deployment.interrupts import end_like_ctrl_c, uninterrupted

class Told:
    def __set_name__(self, owner, name):
        os.kill(os.getpid(), signal.{name})
        sum(range(1000))

end_like_ctrl_c()
try:
    class Made:
        field = Told()
    signal.pause()
except KeyboardInterrupt:
    with uninterrupted():
        os.kill(os.getpid(), signal.{name})
    print("ended")
"""


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM"])
def test_ctrl_c_while_a_class_is_made_is_no_bug_of_that_class(name):
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM.format(name=name)], capture_output=True, text=True, timeout=20, check=False
    )
    assert done.stdout == "ended\n", done.stderr
