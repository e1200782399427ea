"""The rules by which Heroku's Python buildpack (v351) accepts a source and chooses its package
manager. Reads only.
"""

from dataclasses import dataclass
from pathlib import Path

from emulator.build.build_errors import BuildError

DETECTED = [
    ".python-version",
    "app.py",
    "main.py",
    "manage.py",
    "server.py",
    "setup.py",
    "setup.cfg",
    "pyproject.toml",
    "requirements.txt",
    "Pipfile",
    "Pipfile.lock",
    "poetry.lock",
    "uv.lock",
    "pdm.lock",
    "runtime.txt",
    "__pycache__",
    "venv",
    ".venv",
]
MANAGERS = {
    "requirements.txt": "pip",
    "Pipfile.lock": "Pipenv",
    "poetry.lock": "Poetry",
    "uv.lock": "uv",
}
MANAGER_NEEDED = (
    "A Python app on Heroku must have either a 'requirements.txt',",
    "'Pipfile.lock', 'poetry.lock' or 'uv.lock' package manager file",
    "in the root directory of its source code.",
)
EMULATED = ("pip", "uv")
URLS = ("heroku/python", "https://github.com/heroku/heroku-buildpack-python")


@dataclass(frozen=True)
class Manager:
    """A package manager and the file it reads."""

    name: str
    file: str

    def __str__(self) -> str:
        return f"{self.file} ({self.name})"


def detect(folder: Path) -> None:
    """Raises BuildError when no file of a Python project is in the root."""
    if not any((folder / name).exists() for name in DETECTED):
        raise BuildError(
            "Error: Your app is configured to use the Python buildpack,",
            "but we couldn't find any supported Python project files.",
            "",
            *MANAGER_NEEDED,
            "",
            *_listing(folder),
        )


def manager(folder: Path) -> Manager:
    """The one package manager; raises BuildError for none, several, or what is no longer
    supported.
    """
    _refuse_virtual_environment(folder)

    managers = [Manager(name, file) for file, name in MANAGERS.items() if (folder / file).is_file()]
    if len(managers) > 1:
        raise BuildError(
            "Error: Multiple Python package manager files were found.",
            "Exactly one package manager file should be present in your app's",
            "source code, however, several were found:",
            "",
            *map(str, managers),
            "",
            "Decide which package manager you want to use with your app, and",
            "then delete the file(s) and any config from the others.",
        )

    if managers:
        return _emulated(managers[0])

    if (folder / "Pipfile").is_file():
        raise BuildError(
            "Error: No 'Pipfile.lock' found!", "A 'Pipfile' was found, but not its lockfile."
        )

    if (folder / "setup.py").is_file() and not (folder / "pyproject.toml").is_file():
        raise BuildError(
            "Error: Implicit setup.py file support has been sunset.",
            "Add a 'requirements.txt' that has the line '.' instead.",
        )

    raise BuildError(
        "Error: Couldn't find any supported Python package manager files.",
        "",
        *MANAGER_NEEDED,
        "",
        *_listing(folder),
    )


def _refuse_virtual_environment(folder: Path) -> None:
    for name in (".venv", "venv"):
        if (folder / name).is_dir():
            raise BuildError(
                f"Error: Existing '{name}/' directory found.",
                "Your app's source code contains a virtual environment.",
                "Remove it from your Git repository and add it to .gitignore.",
            )


def _emulated(manager: Manager) -> Manager:
    if manager.name not in EMULATED:
        raise BuildError(
            f"Emulator: {manager.name} is not emulated; Heroku would install from {manager.file}."
        )
    return manager


def _listing(folder: Path) -> list[str]:
    names = []
    for path in folder.iterdir():
        names.append(f"{path.name}/" if path.is_dir() else path.name)

    return ["Currently the root directory of your app contains:", "", *sorted(names)[:50]]
