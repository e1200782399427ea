"""Which Python an app asks for, by the rules of Heroku's buildpack v351."""

import re
from dataclasses import dataclass
from pathlib import Path

from emulator.build.build_errors import BuildError

DEFAULT = "3.14"
SUPPORTED = ("3.10", "3.11", "3.12", "3.13", "3.14")
WRITTEN = re.compile(r"(?P<major>\d+)\.(?P<minor>\d+)(\.(?P<patch>\d+))?")
MISSPELT = (
    ".python_version",
    "python-version",
    "python_version",
    ".python-version.txt",
    ".pythonversion",
)


@dataclass(frozen=True)
class PythonVersion:
    """`version` is 3.13 or 3.13.5; `file` is the one that says so, empty for the default."""

    version: str
    file: str

    @property
    def minor(self) -> str:
        """The version without the patch number."""
        return ".".join(self.version.split(".")[:2])


def requested_version(folder: Path, uv: bool) -> PythonVersion:
    """Read runtime.txt or .python-version; raises BuildError in the buildpack's words."""
    for name in MISSPELT:
        if (folder / name).is_file():
            raise BuildError(
                "Error: Your .python-version file is spelled incorrectly.",
                f"We found a file named '{name}'. Rename it to '.python-version'.",
            )

    if (folder / "runtime.txt").is_file():
        return _runtime_txt(folder / "runtime.txt", uv)
    if (folder / ".python-version").is_file():
        return _checked(_python_version(folder / ".python-version"), ".python-version")

    if uv:
        raise BuildError(
            "Error: No Python version was specified.",
            "When using the package manager uv on Heroku, you must specify",
            "your app's Python version with a .python-version file.",
        )

    return PythonVersion(DEFAULT, "")


def _runtime_txt(path: Path, uv: bool) -> PythonVersion:
    if uv:
        raise BuildError("Error: The runtime.txt file isn't supported when using uv.")

    text = path.read_text("utf-8", "replace").strip()
    if not text.startswith("python-") or not WRITTEN.fullmatch(text.removeprefix("python-")):
        raise BuildError("Error: Invalid Python version in runtime.txt.", f"Found: {text[:80]}")

    return _checked(text.removeprefix("python-"), "runtime.txt")


def _python_version(path: Path) -> str:
    try:
        text = path.read_bytes().decode("utf-8")
    except UnicodeDecodeError as error:
        raise BuildError(
            "Error: Unable to read .python-version.", "The file isn't valid UTF-8."
        ) from error

    if text.startswith("\ufeff"):
        raise BuildError(
            "Error: Unable to read .python-version.",
            "The file begins with a byte order mark (BOM).",
        )

    stripped = [line.strip() for line in text.splitlines()]
    lines = [line for line in stripped if line and not line.startswith("#")]
    if not lines:
        raise BuildError(
            "Error: Invalid Python version in .python-version.",
            "No Python version was found in it.",
        )

    if len(lines) > 1:
        raise BuildError("Error: Multiple Python versions found in .python-version.", *lines[:10])

    if not WRITTEN.fullmatch(lines[0]):
        raise BuildError(
            "Error: Invalid Python version in .python-version.",
            f"Found: {lines[0][:80]}",
            "Use a version such as 3.13 or 3.13.5, without quotes and without 'python-'.",
        )

    return lines[0]


def _checked(version: str, file: str) -> PythonVersion:
    python = PythonVersion(version, file)
    major, minor = map(int, python.minor.split("."))
    if (major, minor) < (3, 10):
        raise BuildError(
            "Error: The requested Python version has reached end-of-life.", f"Python {python.minor}"
        )

    if python.minor not in SUPPORTED:
        raise BuildError(
            "Error: The requested Python version isn't recognised.", f"Python {python.minor}"
        )

    return python
