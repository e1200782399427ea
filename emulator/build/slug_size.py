"""How large a slug would be, compressed.

Installed packages are the large part and are the same in many slugs, so each distribution is
compressed once and its size remembered. Python itself, about 30 MB of a slug on Heroku, is not in
it here and not counted."""

import json
import os
import secrets
import zlib
from collections.abc import Iterator
from pathlib import Path

LEVEL = 1
CHUNK = 1 << 20


def slug_size(app: Path, remembered: Path) -> int:
    """Bytes; `remembered` is the JSON file with what is known of distributions."""
    known: dict[str, int] = json.loads(remembered.read_text()) if remembered.is_file() else {}
    total = sum(_compressed(path) for path in _files(app, skip=app / ".heroku"))
    for packages in (app / ".heroku").glob("python/lib/python*/site-packages"):
        parts = {entry.name: entry for entry in packages.iterdir()}
        for name in sorted(parts):
            total += _part(parts[name], known)

    fresh = remembered.with_suffix(f".{secrets.token_hex(4)}")
    fresh.write_text(json.dumps(known))
    fresh.replace(remembered)
    return total


def _part(path: Path, known: dict[str, int]) -> int:
    if path.is_file():
        return _compressed(path)

    files = sorted(_files(path, skip=None))
    plain = sum(each.stat().st_size for each in files)
    key = f"{path.name} {len(files)} {plain}"
    if key not in known:
        known[key] = sum(map(_compressed, files))

    return known[key]


def _files(folder: Path, skip: Path | None) -> Iterator[Path]:
    for at, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if name != "__pycache__" and Path(at, name) != skip]
        yield from (path for path in (Path(at, name) for name in names) if not path.is_symlink())


def _compressed(path: Path) -> int:
    packer, size = zlib.compressobj(LEVEL), 0
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            size += len(packer.compress(chunk))
    return size + len(packer.flush())
