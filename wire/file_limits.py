"""How many files this process may open, and how many connections follow from it."""

import resource

RESERVE = 128
"""Files kept for versions' connections, the ledger and logs; of a limit below 512, a quarter."""
MOST_FILES = 65_536


def raise_file_limit() -> int:
    """Raise the soft limit of open files to the hard one, at most MOST_FILES; returns the limit in
    force.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MOST_FILES if hard == resource.RLIM_INFINITY else min(hard, MOST_FILES)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
        except (OSError, ValueError):
            # Some systems have a lower bound of their own; what is in force is still counted with.
            return soft
        return wanted

    if soft == resource.RLIM_INFINITY:
        return MOST_FILES
    return soft


def most_connections(file_limit: int, setting: int) -> int:
    """Connections of clients that may be open at once: the setting, or what the limit leaves beside
    the reserve.
    """
    reserve = min(RESERVE, file_limit // 4)
    return max(1, min(setting, file_limit - reserve))
