"""Says in plain words why a database cannot be used: one sentence of cause, one of what to do; no
password, no SQL.
"""

from collections.abc import Callable

_NEXT_STEPS = {
    "locked": "Another process holds it: wait for it to end, or find it with `fuser` on the file",
    "disk is full": "Free some space and try again",
    "readonly": "Give this user the right to write the file and its folder",
    "file is gone": "Restore it from a backup; what runs goes on with the last table that it read",
    "unable to open": "See that its folder exists and that this user may write there",
    "not a database": "The file is something else: move it away, or name another one",
    "malformed": "Restore the file from a backup",
    "no such table": "Its tables were never made: bring the stack up once, which makes them",
    'role "': "Correct the user or the password in DATABASE_URL",
    "does not exist": "Create the database, or bring the stack up once, which makes its tables",
    "authentication": "Correct the user or the password in DATABASE_URL",
    "queuepool limit": "Too many acts at once: try again",
    "statement timeout": "The database is overloaded or a row is locked: try again",
}


def explained(shown: str, without_password: Callable[[str], str], error: Exception) -> str:
    """The message of a StoreUnavailable. shown: the database's address without its password."""
    cause = without_password(_first_line(error))
    return f"The record at {shown} cannot be used: {cause}. {_next_step(cause)}."


def _next_step(cause: str) -> str:
    for sign, step in _NEXT_STEPS.items():
        if sign in cause.lower():
            return step

    return "See that the database runs and can be reached, then try again"


def _first_line(error: Exception) -> str:
    """The driver's own words; of several lines the first, which names the cause."""
    words = str(getattr(error, "orig", None) or error).partition(" (Background on")[0]
    for line in filter(str.strip, words.splitlines()):
        return line.strip().rstrip(".")

    return type(error).__name__
