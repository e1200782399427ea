"""What a doctor finds: one line each, with the cause and the next step where something is wrong."""

from collections.abc import Callable
from dataclasses import dataclass

from deployment.readiness import NotAnswering
from deployment.router_client import RouterAway
from deployment.workspace.errors import EdgeFailure
from rollout.errors import BrokenRecord, Refusal
from store import StoreError


@dataclass(frozen=True)
class Finding:
    """One thing that was checked.

    state: how it is
    fault: empty where all is well, else the cause and the next step
    warning: the same for what is not a fault yet
    """

    what: str
    state: str = ""
    fault: str = ""
    warning: str = ""

    @property
    def line(self) -> str:
        """As it is shown."""
        if self.fault:
            return f"✖ {self.what}: {self.fault}"
        if self.warning:
            return f"⚠ {self.what}: {self.warning}"
        return f"✔ {self.what}: {self.state}" if self.state else f"✔ {self.what}"


def examine(what: str, look: Callable[[], str]) -> Finding:
    """What a look found; whatever it raises on purpose is the fault."""
    try:
        return Finding(what, look())
    except (EdgeFailure, Refusal, StoreError, BrokenRecord, NotAnswering, RouterAway) as error:
        return Finding(what, fault=str(error))
