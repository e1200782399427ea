"""The request to deliver a version."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

Report = Callable[[str], None]
"""Who hears how it goes, line by line."""


@dataclass(frozen=True)
class DeliveryRequest:
    """What to deliver, and where its bundle and the keys are.

    source: a recipe, a pickle, a skops file or an MLflow model folder. sample, label: the rows that
    go with a pipeline without a recipe.
    outputs: what is served of such a pipeline; empty for what suits it.
    trusted: types of a skops file that may be loaded although skops does not know them.
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
    outputs: tuple[str, ...] = ()
    trusted: tuple[str, ...] = ()
    environment: Path | None = None
    environments: Path | None = None
    stack: dict[str, str] | None = None
    stack_python: Path | None = None
