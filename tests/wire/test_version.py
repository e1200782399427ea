"""One version, wherever it is told."""

import re
import tomllib
from pathlib import Path

from wire.version import VERSION

ROOT = Path(__file__).parents[2]


def test_the_version_is_the_projects() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    assert project["project"]["version"] == VERSION


def test_it_is_written_nowhere_else() -> None:
    folders = (path for path in ROOT.glob("*/") if (path / "__init__.py").exists())
    rooms = [path for path in folders if path.name not in ("tests", "benchmarks")]
    files = [path for room in rooms for path in room.rglob("*.py")]
    told = re.compile(rf"(?<![\d.]){re.escape(VERSION)}(?![\d.])")
    telling = [path for path in files if told.search(path.read_text())]
    assert len(rooms) > 10
    assert telling == [ROOT / "wire" / "version.py"]
