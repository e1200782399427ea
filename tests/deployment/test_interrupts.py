"""Ctrl-C ends an act as KeyboardInterrupt wherever it falls."""

import subprocess
import sys

import pytest

PROGRAM = """
import os, signal
from deployment.interrupts import end_like_ctrl_c, uninterrupted

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
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM.format(name=name, where=where)],
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )
    assert done.stdout == "ended\n", done.stderr
