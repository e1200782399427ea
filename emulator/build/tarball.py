"""Unpacking an upload: no file is written outside the folder, and none beyond the size limit."""

import hashlib
import shutil
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
    """Unpack into `folder`; returns its only folder, or itself where it has other entries.

    Raises BadTarball for another format, absolute paths, links to the outside, devices, or more
    than 1 GiB.
    """
    folder.mkdir(parents=True)
    size = count = 0
    try:
        with tarfile.open(path, "r:gz") as archive:
            for member in archive:
                size, count = size + member.size, count + 1
                if size > BYTES or count > FILES:
                    raise BadTarball("the source is larger than 1 GB or has too many files")
                _extract(archive, member, folder.resolve())
    except (tarfile.TarError, OSError, EOFError, ValueError) as error:
        raise BadTarball(f"the source cannot be unpacked: {error}") from error

    entries = list(folder.iterdir())
    if len(entries) == 1 and entries[0].is_dir():
        return entries[0]
    return folder


def _extract(archive: tarfile.TarFile, member: tarfile.TarInfo, folder: Path) -> None:
    """Write one member below `folder`. Python before 3.11.4 has no filters in tarfile."""
    target = _inside(folder, folder / member.name, member.name)
    if member.isdir():
        target.mkdir(parents=True, exist_ok=True)
        return

    target.parent.mkdir(parents=True, exist_ok=True)
    if member.issym():
        _inside(folder, target.parent / member.linkname, member.linkname)
        target.symlink_to(member.linkname)
        return

    content = archive.extractfile(member) if member.isreg() else None
    if content is None:
        raise BadTarball(
            f"the source cannot be unpacked: {member.name} is no file, folder or link to one"
        )

    with target.open("xb") as file:
        shutil.copyfileobj(content, file)

    target.chmod(0o755 if member.mode & 0o100 else 0o644)


def _inside(folder: Path, path: Path, name: str) -> Path:
    """The path, which must stay in the folder wherever links lead; raises BadTarball."""
    if not path.resolve().is_relative_to(folder):
        raise BadTarball(f"the source cannot be unpacked: {name} leads outside of it")
    return path
