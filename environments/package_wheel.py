"""Installed packages as wheels again, so that Sluice's own need no index, and never a build."""

import base64
import hashlib
import zipfile
from collections.abc import Iterator
from importlib.metadata import Distribution, distribution
from pathlib import Path

from environments.errors import EnvironmentFailure

# Written by the installer, or made of what is packed.
_LEFT_OUT = ("RECORD", "INSTALLER", "REQUESTED", "direct_url.json", "uv_cache.json")


def repacked(name: str, folder: Path) -> Path:
    """A wheel of an installed distribution, written to a folder; raises EnvironmentFailure."""
    files = dict(_contents(distribution(name)))
    about = next((path for path in files if path.endswith(".dist-info/WHEEL")), None)
    if about is None:
        raise EnvironmentFailure(
            f"{name} was not installed here from a wheel: `make setup` installs Sluice anew"
        )

    stem = about.partition(".dist-info/")[0]
    record = f"{stem}.dist-info/RECORD"
    files[record] = _record(files, record)
    path = folder / f"{stem}-{_tag(files[about])}.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for file, content in sorted(files.items()):
            archive.writestr(file, content)

    return path


def _contents(package: Distribution) -> Iterator[tuple[str, bytes]]:
    """Its files below site-packages; the installer makes the programs beside them."""
    for file in package.files or ():
        outside = ".." in file.parts or file.is_absolute()
        if outside or file.suffix == ".pyc" or file.name in _LEFT_OUT:
            continue
        yield file.as_posix(), Path(str(file.locate())).read_bytes()


def _tag(wheel: bytes) -> str:
    """All its tags in one, as a wheel's name has them: `py2.py3-none-any`."""
    tags = [
        line.partition(":")[2].strip().split("-")
        for line in wheel.decode().splitlines()
        if line.startswith("Tag:")
    ]
    if not tags:
        return "py3-none-any"

    return "-".join(".".join(dict.fromkeys(part)) for part in zip(*tags, strict=True))


def _record(files: dict[str, bytes], itself: str) -> bytes:
    lines = []
    for name, content in sorted(files.items()):
        digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
        lines.append(f"{name},sha256={digest},{len(content)}")

    return "\n".join([*lines, f"{itself},,", ""]).encode()
