"""Ctrl-C and SIGTERM: both end an act the same way, and neither interrupts its cleanup."""

import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGALRM)
_AGAIN_AFTER_S = 0.001
_LOST_IN = frozenset({"__set_name__", "__del__", "_collection_gced"})
"""What is raised in these gets lost: Python up to 3.11 wraps it in a RuntimeError about a class's
field, or only prints it where an object is collected (the last is SQLAlchemy's, for a connection).
What Python prints in other places, as in the weak references of its own import locks, comes to
`_interrupt_later`."""


def end_like_ctrl_c() -> None:
    """Let both signals raise KeyboardInterrupt, at once or a millisecond later (SIGALRM) where it
    would get lost.

    A command that was started with Ctrl-C ignored (nohup, a script's `&`) goes on ignoring it;
    SIGTERM ends it."""
    sys.unraisablehook = _interrupt_later
    for number in _SIGNALS:
        if number != signal.SIGINT or signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _interrupt)


def ignore_until_exit() -> None:
    """Ignore signals once the act is over: they could only disturb the process's end."""
    for number in _SIGNALS:
        signal.signal(number, signal.SIG_IGN)


@contextmanager
def uninterrupted() -> Iterator[None]:
    """Ignore all of them during a cleanup. Only the main thread ever gets them."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    before = [signal.signal(number, signal.SIG_IGN) for number in _SIGNALS]
    try:
        yield
    finally:
        for number, handler in zip(_SIGNALS, before, strict=True):
            signal.signal(number, handler)


def _interrupt(_number: int, frame: FrameType | None) -> None:
    if _would_be_lost(frame):
        signal.setitimer(signal.ITIMER_REAL, _AGAIN_AFTER_S)
        return
    raise KeyboardInterrupt


def _interrupt_later(lost: "sys.UnraisableHookArgs") -> None:
    """Where Python could only print the KeyboardInterrupt, raise it a millisecond later; print all
    else as ever.
    """
    if isinstance(lost.exc_value, KeyboardInterrupt):
        signal.setitimer(signal.ITIMER_REAL, _AGAIN_AFTER_S)
    else:
        sys.__unraisablehook__(lost)


def _would_be_lost(frame: FrameType | None) -> bool:
    while frame is not None:
        if frame.f_code.co_name in _LOST_IN:
            return True
        frame = frame.f_back
    return False
