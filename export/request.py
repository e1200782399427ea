"""The request to export a version."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class ExportRequest:
    """What to export, and where.

    source, sample, label, trusted: what the version was delivered from, None where its bundle says.
    page: with the page that predicts in a browser. ort_format: with the model in that format.
    licence: of the model. cache: where onnxruntime-web waits. tarball: it, where there is no npm.
    """

    bundle: Path
    folder: Path
    keys: Path
    cache: Path
    source: Path | None = None
    sample: Path | None = None
    label: str | None = None
    trusted: tuple[str, ...] = ()
    page: bool = False
    ort_format: bool = False
    licence: Path | None = None
    tarball: Path | None = None
