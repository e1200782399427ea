"""How large a slug would be, compressed.

Installed packages are the large part and are the same in many slugs, so each distribution is
compressed once and its size stored. Python itself, about 30 MB of a slug on Heroku, is not in it
here and not counted.
"""

import json
import os
import secrets
import zlib
from collections.abc import Iterator
from pathlib import Path

LEVEL = 1
CHUNK = 1 << 20


def slug_size(app: Path, cache: Path) -> int:
    """Bytes. cache: a JSON file with the sizes of distributions that were measured before."""
    sizes: dict[str, int] = {}
    if cache.is_file():
        sizes = json.loads(cache.read_text())

    total = sum(map(_compressed, _files(app, skip=app / ".heroku")))
    for packages in (app / ".heroku").glob("python/lib/python*/site-packages"):
        for entry in sorted(packages.iterdir()):
            total += _package_size(entry, sizes)

    fresh = cache.with_suffix(f".{secrets.token_hex(4)}")
    fresh.write_text(json.dumps(sizes))
    fresh.replace(cache)
    return total


def _package_size(path: Path, sizes: dict[str, int]) -> int:
    """Measures a folder that is not yet in `sizes`, and adds it."""
    if path.is_file():
        return _compressed(path)

    files = sorted(_files(path, skip=None))
    plain_size = sum(file.stat().st_size for file in files)
    key = f"{path.name} {len(files)} {plain_size}"
    if key not in sizes:
        sizes[key] = sum(map(_compressed, files))

    return sizes[key]


def _files(folder: Path, skip: Path | None) -> Iterator[Path]:
    """All files below a folder but links, compiled modules and the folder to skip."""
    for parent, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if name != "__pycache__"]
        if skip and skip.parent == Path(parent) and skip.name in folders:
            folders.remove(skip.name)

        for name in names:
            path = Path(parent, name)
            if not path.is_symlink():
                yield path


def _compressed(path: Path) -> int:
    packer, size = zlib.compressobj(LEVEL), 0
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            size += len(packer.compress(chunk))
    return size + len(packer.flush())
