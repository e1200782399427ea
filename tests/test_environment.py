"""The environment is defined once: what is compiled, imported and installed follows from
environment.yaml.
"""

import re
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement

from scripts.requirements import ROOT, direct

NAMES = [
    Requirement(line) for line in direct(yaml.safe_load((ROOT / "environment.yaml").read_text()))
]
PINNED = re.compile(r"^[a-z0-9][^\n\\]*==[^\n\\]*", re.MULTILINE)


def pins(text: str) -> list[Requirement]:
    """Every pin of a requirements.txt."""
    return [Requirement(line) for line in PINNED.findall(text)]


LOCKED = pins((ROOT / "requirements.txt").read_text())
HERE = {
    pin.name: str(pin.specifier)[2:]
    for pin in LOCKED
    if pin.marker is None or pin.marker.evaluate()
}


def normal(name: str) -> str:
    """A distribution's name as requirements.txt writes it (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


@pytest.mark.parametrize("wanted", NAMES, ids=lambda wanted: wanted.name)
def test_every_direct_dependency_is_pinned_within_its_range(wanted: Requirement) -> None:
    found = [str(pin.specifier)[2:] for pin in LOCKED if pin.name == normal(wanted.name)]
    assert found, "run `make lock`"
    assert all(each in wanted.specifier for each in found), "run `make lock`"


def test_every_pin_has_a_hash() -> None:
    blocks = re.split(r"^(?=[a-z0-9])", (ROOT / "requirements.txt").read_text(), flags=re.MULTILINE)
    bare = [
        block.splitlines()[0] for block in blocks if "==" in block and "--hash=sha256:" not in block
    ]
    assert bare == []


def test_what_is_pinned_is_what_runs_here() -> None:
    running = {wanted.name: version(wanted.name) for wanted in NAMES}
    assert running == {wanted.name: HERE[normal(wanted.name)] for wanted in NAMES}


def test_compiling_the_definition_again_changes_no_pin(tmp_path: Path) -> None:
    uv = pytest.importorskip("uv")
    locked = tmp_path / "requirements.txt"
    locked.write_text((ROOT / "requirements.txt").read_text())
    names = "\n".join(map(str, NAMES))
    command = [
        uv.find_uv_bin(),
        "pip",
        "compile",
        "--quiet",
        "--python",
        sys.executable,
        "--python-version",
        "3.11",
    ]
    command += ["--universal", "--no-annotate", "--no-header", "--output-file", str(locked), "-"]
    done = subprocess.run(
        command, input=names, text=True, capture_output=True, cwd=tmp_path, timeout=100, check=False
    )
    if done.returncode and "error sending request" in done.stderr.lower():
        pytest.skip("no package index is reached from here: `make lock` checks the same")

    assert done.returncode == 0, done.stderr
    assert set(map(str, pins(locked.read_text()))) == set(map(str, LOCKED)), "run `make lock`"


def test_the_interpreters_version_is_the_same_everywhere() -> None:
    wanted = (ROOT / ".python-version").read_text().strip()
    assert f'requires-python = ">={wanted}"' in (ROOT / "pyproject.toml").read_text()
    assert f"python >={wanted}," in (ROOT / "environment.yaml").read_text()
