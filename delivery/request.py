"""What somebody asks to be delivered."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class DeliveryRequest:
    """What to deliver. source: a recipe or a pickle; sample and label go with a pickle."""

    version: str
    source: Path
    model: str
    releases: Path
    keys: Path
    tolerance: float = 1e-5
    sample: Path | None = None
    label: str | None = None
    one_row_at_a_time: bool = False
