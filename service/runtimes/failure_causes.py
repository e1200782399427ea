"""What a caller is told of a row that the model fails on, and what goes to the log instead.

A library's own words name its functions and files, and no caller's value. What the model's own
code or the service says is passed on.
"""

import logging
import os
import sysconfig
import time
from collections.abc import Callable

import msgspec

log = logging.getLogger("sluice.runtimes")
NO_PREDICTION = (
    "the model has no prediction for this row, as where a value is unlike all that it was trained "
    "on: send values like those of training; the version's log has the library's error"
)
NO_MEMORY = "the version has too little memory to predict this row: send fewer rows at once"
LOG_EVERY_S = 60.0
LOGGED_CHARACTERS = 4_000
MOST_LOGGED = 64
_TOLD_CHARACTERS = 300
_PACKAGES = (f"{os.sep}site-packages{os.sep}", f"{os.sep}dist-packages{os.sep}")
_STANDARD_LIBRARY = sysconfig.get_path("stdlib") + os.sep


class FailureCause(msgspec.Struct, frozen=True):
    """Why a row failed. text: in one line, as it was raised; plain: for callers; full: for the log,
    empty where `plain` says it all.
    """

    text: str
    plain: str
    full: str = ""


def cause_of(error: Exception) -> FailureCause:
    """The cause of an error that a model raised."""
    words = str(error)
    lines = [*words.splitlines(), ""]
    text = f"{type(error).__name__}: {lines[0][:_TOLD_CHARACTERS]}"
    plain = text
    if isinstance(error, MemoryError):
        plain = NO_MEMORY
    elif _is_of_library(error):
        plain = NO_PREDICTION

    if plain == text:
        return FailureCause(text, plain)

    return FailureCause(text, plain, f"{type(error).__name__}: {words}"[:LOGGED_CHARACTERS])


def _is_of_library(error: Exception) -> bool:
    """Whether the innermost function is no code of the service or the model."""
    traceback = error.__traceback__
    path = ""
    while traceback is not None:
        path = traceback.tb_frame.f_code.co_filename
        traceback = traceback.tb_next

    # Compiled modules have relative paths.
    if not os.path.isabs(path):
        return bool(path)

    return path.startswith(_STANDARD_LIBRARY) or any(part in path for part in _PACKAGES)


class LibraryFaultLog:
    """Logs what callers are not told, each text at most once in LOG_EVERY_S seconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._logged: dict[str, float] = {}

    def add(self, cause: FailureCause) -> None:
        """Log a cause, where it has more than its caller is told and is not repeated."""
        now = self._clock()
        if not cause.full or now - self._logged.get(cause.full, -LOG_EVERY_S) < LOG_EVERY_S:
            return

        if len(self._logged) >= MOST_LOGGED:
            self._logged.clear()

        self._logged[cause.full] = now
        log.warning("a row has no prediction: %s", cause.full)
