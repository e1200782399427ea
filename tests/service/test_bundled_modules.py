"""Modules that travel in a bundle: imported under their own names, from bytes and from no
folder.
"""

import importlib
import sys
from pathlib import Path

import pytest

from service.bundled_modules import is_module_file, module_file, provide_modules

FOLDER = Path("/nowhere/v1")


@pytest.fixture(autouse=True)
def _nothing_left():
    """After each test nothing of a bundle can be imported."""
    yield
    provide_modules(FOLDER, {})


def test_a_module_and_a_package_have_a_file_each():
    assert module_file("shop.steps", package=False) == "code.shop.steps.py"
    assert module_file("shop", package=True) == "code.shop.__init__.py"
    assert is_module_file("code.shop.__init__.py")
    assert not any(map(is_module_file, ("model.pkl", "codes.py", "code.txt", "golden.jsonl")))


def test_modules_are_imported_by_their_names_with_what_they_import_from_each_other():
    provide_modules(
        FOLDER,
        {
            "code.travelling_shop.__init__.py": b"from .steps import twice\n",
            "code.travelling_shop.steps.py": (
                b"from travelling_words import TWO\ndef twice(x):\n    return TWO * x\n"
            ),
            "code.travelling_words.py": "TWO = 2\nNAME = 'Tromsø'\n".encode(),
            "model.pkl": b"no module",
        },
    )
    shop = importlib.import_module("travelling_shop")
    assert shop.twice(4) == 8
    assert shop.twice.__module__ == "travelling_shop.steps"
    assert sys.modules["travelling_words"].NAME == "Tromsø"
    assert shop.__file__ == "/nowhere/v1/code.travelling_shop.__init__.py"


def test_a_folder_without_init_is_a_package_too():
    provide_modules(FOLDER, {"code.travelling_space.steps.py": b"ONE = 1\n"})
    assert importlib.import_module("travelling_space.steps").ONE == 1


def test_a_package_has_no_module_but_those_of_the_bundle():
    provide_modules(FOLDER, {"code.travelling_alone.__init__.py": b""})
    with pytest.raises(ModuleNotFoundError):
        importlib.import_module("travelling_alone.others")


def test_another_bundles_module_of_the_same_name_takes_its_place():
    provide_modules(FOLDER, {"code.travelling_same.py": b"def which():\n    return 1\n"})
    first = importlib.import_module("travelling_same").which
    provide_modules(FOLDER, {"code.travelling_same.py": b"def which():\n    return 2\n"})
    assert importlib.import_module("travelling_same").which() == 2
    assert first() == 1


def test_after_a_bundle_without_code_nothing_is_left():
    provide_modules(FOLDER, {"code.travelling_gone.py": b""})
    importlib.import_module("travelling_gone")
    provide_modules(FOLDER, {"model.pkl": b""})
    with pytest.raises(ModuleNotFoundError):
        importlib.import_module("travelling_gone")


def test_a_traceback_names_the_bundles_file():
    provide_modules(FOLDER, {"code.travelling_fault.py": b"\n1 / 0\n"})
    with pytest.raises(ZeroDivisionError) as failed:
        importlib.import_module("travelling_fault")
    entry = failed.traceback[-1]
    assert (str(entry.path), entry.lineno + 1) == ("/nowhere/v1/code.travelling_fault.py", 2)
