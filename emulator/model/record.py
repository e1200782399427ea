"""What the things on the platform have in common: who owns them, an id and two times."""

from dataclasses import dataclass, field
from uuid import uuid4

from emulator.model.clock import stamp
from emulator.model.ids import new_id


@dataclass(eq=False)
class Account:
    """A user with a token."""

    email: str
    token: str = field(default_factory=lambda: f"HRKU-{uuid4()}")
    id: str = field(default_factory=new_id)
    created_at: str = field(default_factory=stamp)


@dataclass(eq=False)
class Record:
    """The keys that most resources of the API have."""

    id: str = field(default_factory=new_id, kw_only=True)
    created_at: str = field(default_factory=stamp, kw_only=True)
    updated_at: str = field(default_factory=stamp, kw_only=True)

    def touch(self) -> None:
        """Set the time of the last change to now."""
        self.updated_at = stamp()
