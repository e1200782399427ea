"""Unpacking what somebody uploaded: nothing leaves the folder, nothing grows past the limit."""

import hashlib
import tarfile
from pathlib import Path

BYTES, FILES = 1024**3, 200_000


class BadTarball(Exception):
    """It is not a gzipped tar that may be unpacked; the text says why."""


def checksum(path: Path) -> str:
    """`SHA256:` and the digest in hex."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(1 << 20):
            digest.update(chunk)
    return f"SHA256:{digest.hexdigest()}"


def unpack(path: Path, folder: Path) -> Path:
    """Unpack into `folder`; returns where the files are, which is its only folder if there is nothing beside it.

    Raises BadTarball for another format, absolute paths, links to the outside, devices, or more than 1 GiB.
    """
    folder.mkdir(parents=True)
    size = count = 0
    try:
        with tarfile.open(path, "r:gz") as archive:
            for member in archive:
                size, count = size + member.size, count + 1
                if size > BYTES or count > FILES:
                    raise BadTarball("the source is larger than 1 GB or has too many files")
                archive.extract(member, folder, filter="data")
    except (tarfile.TarError, OSError, EOFError, ValueError) as error:
        raise BadTarball(f"the source cannot be unpacked: {error}") from error
    inside = list(folder.iterdir())
    return inside[0] if len(inside) == 1 and inside[0].is_dir() else folder
