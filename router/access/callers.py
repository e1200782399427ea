"""Who asks: a name and a role."""

from dataclasses import dataclass
from enum import IntEnum


class Role(IntEnum):
    """What a caller may do; each role may do what those before it may.

    STRANGER: predict, send labels, ask for health. LOCAL: on this machine, without a token: look,
    but not at users' rows. VIEWER: look at everything. OPERATOR: act."""

    STRANGER = 0
    LOCAL = 1
    VIEWER = 2
    OPERATOR = 3


@dataclass(frozen=True)
class Caller:
    """name: the token's, which is the actor in the ledger; empty without one. by: `token`,
    `session`, `loopback`, or empty for a stranger.
    """

    role: Role
    name: str = ""
    by: str = ""

    @property
    def sees_rows(self) -> bool:
        """Whether users' rows may be shown."""
        return self.role >= Role.VIEWER

    @property
    def acts(self) -> bool:
        """Whether the caller may change the rollout."""
        return self.role >= Role.OPERATOR


STRANGER = Caller(Role.STRANGER)
LOCAL = Caller(Role.LOCAL, by="loopback")
