"""Builds the recipe of a Python file with `build()`."""

import importlib.util
import sys
import traceback
from pathlib import Path
from typing import Any

from delivery.errors import DeliveryError, first_line
from delivery.proof.library_versions import refuse_another_scikit_learn


def build_recipe(path: Path) -> Any:
    """What build() of this file returns; raises DeliveryError."""
    module = _import_recipe(path)
    if not hasattr(module, "build"):
        raise DeliveryError(f"{path} has no build(): a recipe defines `def build() -> Recipe`")

    try:
        with refuse_another_scikit_learn(path):
            return module.build()
    except DeliveryError:
        raise
    except (Exception, SystemExit) as error:
        raise DeliveryError(
            f"{path}: build() failed{_line_at_fault(path, error)}: "
            f"{first_line(error)}{_package_remedy(error)}"
        ) from error


def _import_recipe(path: Path) -> Any:
    spec = importlib.util.spec_from_file_location(f"recipe_{path.stem}", path)
    if spec is None or spec.loader is None:
        raise DeliveryError(f"{path} cannot be imported as a recipe")

    module = importlib.util.module_from_spec(spec)
    # Dataclasses look up the names of their annotations here; a pickle that names it is refused.
    sys.modules[spec.name] = module
    try:
        with refuse_another_scikit_learn(path):
            spec.loader.exec_module(module)
    except DeliveryError:
        raise
    except (Exception, SystemExit) as error:
        raise DeliveryError(
            f"{path} failed when it was imported{_line_at_fault(path, error)}: "
            f"{first_line(error)}{_package_remedy(error)}"
        ) from error

    return module


def _package_remedy(error: BaseException) -> str:
    """What to do about a package that is not installed; else nothing."""
    if not isinstance(error, ModuleNotFoundError):
        return ""
    return ". Name its package in a file: `deliver --environment FILE`"


def _line_at_fault(path: Path, error: BaseException) -> str:
    """` (line 12, in build)`: the innermost line at fault of the recipe or of a file beside it."""
    recipe = path.resolve()
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        # A frame of Python's own has a name such as <frozen importlib> for its file.
        file = Path(frame.filename).resolve()
        if file.parent == recipe.parent and not frame.filename.startswith("<"):
            prefix = "" if file == recipe else f"{file.name}, "
            return f" ({prefix}line {frame.lineno}, in {frame.name})"

    return ""
