"""Source tarballs: the same files give the same bytes, on every machine and at any time."""

import gzip
import hashlib
import io
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from targets.heroku.errors import HerokuFailure

# A fixed moment, 2020-01-01: some tools refuse the year 1970.
MTIME = 1_577_836_800
LARGEST_SOURCE_BYTES = 1_000_000_000
_LEFT_OUT = ("__pycache__",)


@dataclass(frozen=True)
class Tarball:
    """A gzipped tar.

    version: its label and the beginning of its digest, by which a build of it is found again
    """

    content: bytes = field(repr=False)
    checksum: str
    version: str
    files: tuple[str, ...]


def tarball(label: str, files: Mapping[str, bytes]) -> Tarball:
    """Pack files, by their paths with `/`; raises HerokuFailure where they are too large."""
    size = sum(map(len, files.values()))
    if size > LARGEST_SOURCE_BYTES:
        raise HerokuFailure(
            f"{label}: {size / 1e6:.0f} MB of files, Heroku takes 1 GB: make the model smaller"
        )

    packed = io.BytesIO()
    with (
        gzip.GzipFile(filename="", mode="wb", compresslevel=6, fileobj=packed, mtime=0) as zipped,
        tarfile.open(fileobj=zipped, mode="w", format=tarfile.GNU_FORMAT) as tar,
    ):
        for path in sorted(files):
            tar.addfile(_entry(path, files[path]), io.BytesIO(files[path]))

    content = packed.getvalue()
    digest = hashlib.sha256(content).hexdigest()
    return Tarball(content, f"SHA256:{digest}", f"{label}+{digest[:12]}", tuple(sorted(files)))


def folder_files(folder: Path, under: str, suffixes: tuple[str, ...] = ()) -> dict[str, bytes]:
    """Every file of a folder as `under/...`, without bytecode and hidden files.

    Raises HerokuFailure for a link.
    """
    contents = {}
    for path in sorted(folder.rglob("*")):
        relative = path.relative_to(folder)
        if any(part in _LEFT_OUT or part.startswith(".") for part in relative.parts):
            continue
        if path.is_symlink():
            raise HerokuFailure(
                f"{path} is a link, whose target would not be sent: put the file itself there"
            )
        if path.is_file() and (not suffixes or path.suffix in suffixes):
            contents[f"{under}/{relative.as_posix()}"] = path.read_bytes()

    return contents


def _entry(path: str, content: bytes) -> tarfile.TarInfo:
    entry = tarfile.TarInfo(path)
    entry.size, entry.mtime, entry.mode = len(content), MTIME, 0o644
    return entry
