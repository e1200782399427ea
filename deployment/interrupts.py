"""Ctrl-C and SIGTERM: both end an act the same way, and neither ends its cleaning up."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGALRM)
_AGAIN_AFTER_S = 0.001


def end_like_ctrl_c() -> None:
    """Let both signals raise KeyboardInterrupt, at once or a millisecond later (SIGALRM) where it would get lost."""
    for number in _SIGNALS:
        signal.signal(number, _interrupt)


@contextmanager
def uninterrupted() -> Iterator[None]:
    """Ignore all of them for as long as cleaning up takes. Other threads than the main one never meet them."""
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
    if _in_the_making_of_a_class(frame):
        signal.setitimer(signal.ITIMER_REAL, _AGAIN_AFTER_S)
        return
    raise KeyboardInterrupt


def _in_the_making_of_a_class(frame: FrameType | None) -> bool:
    """Whether Python up to 3.11 would wrap what is raised here in a RuntimeError about a class's field."""
    while frame is not None:
        if frame.f_code.co_name == "__set_name__":
            return True
        frame = frame.f_back
    return False
