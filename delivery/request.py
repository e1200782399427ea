"""The request to deliver a version."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class DeliveryRequest:
    """What to deliver, and where its bundle and the keys are.

    source: a recipe or a pickle. sample, label: the rows that go with a pickle.
    tolerance: by how much the ONNX form may differ.
    environment: the file of the user's own packages.
    environments: the folder of environments that are built; None: nothing is.
    stack, stack_python: versions of the packages that serve, and their interpreter, where this
    delivery runs in another one.
    """

    version: str
    source: Path
    model: str
    releases: Path
    keys: Path
    tolerance: float = 1e-5
    sample: Path | None = None
    label: str | None = None
    one_row_at_a_time: bool = False
    environment: Path | None = None
    environments: Path | None = None
    stack: dict[str, str] | None = None
    stack_python: Path | None = None
