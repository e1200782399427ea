"""The limit of open files, and the number of connections that fit in it."""

import resource

RESERVE = 128
"""Files reserved for upstream connections, the ledger and logs; of a limit below 512, a quarter."""
MOST_FILES = 65_536


def raise_file_limit() -> int:
    """Raise the soft limit of open files to the hard one, at most MOST_FILES.

    Returns the limit in force."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY:
        return MOST_FILES

    target = MOST_FILES if hard == resource.RLIM_INFINITY else min(hard, MOST_FILES)
    if soft >= target:
        return soft

    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (target, hard))
    except (OSError, ValueError):
        # Some systems have a lower maximum of their own.
        return soft

    return target


def most_connections(file_limit: int, setting: int) -> int:
    """The client connections that may be open at once.

    setting: the configured maximum; less where the file limit without its reserve is lower."""
    reserve = min(RESERVE, file_limit // 4)
    return max(1, min(setting, file_limit - reserve))
