"""Ends a process with the one that started it, also where that is killed and can say nothing."""

import ctypes
import os
import signal
import sys
from collections.abc import Sequence

PR_SET_PDEATHSIG = 1


def end_with(parent: int) -> None:
    """End this process by SIGKILL as soon as its parent has ended.

    parent: its number, taken before this process was started. Only Linux tells it; elsewhere a
    process ends here alone, where its parent is gone already. The parent's thread that started
    this process must live as long as the parent does.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)

    # It may have ended before it could be asked for.
    if os.getppid() != parent:
        os.kill(os.getpid(), signal.SIGKILL)


def end_with_starter(arguments: Sequence[str]) -> None:
    """End with the process whose number is the first of a command's arguments, if it has any."""
    if arguments:
        end_with(int(arguments[0]))
