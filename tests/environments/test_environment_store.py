"""Environments are built whole or not at all, once for all who need them, from wheels alone."""

import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from environments.environment_store import Built, EnvironmentStore
from environments.errors import EnvironmentFailure
from environments.specification import Specification
from tests.environments.wheelhouse import Wheelhouse
from tests.until import until

ROOT = Path(__file__).parents[2]
BUILDER = """
import sys
from pathlib import Path
from environments.environment_store import EnvironmentStore
from environments.specification import Specification
store = EnvironmentStore(Path(sys.argv[1]))
specification = Specification((sys.argv[2],), imports=(sys.argv[3],))
store.built(specification, print)
"""
WAITS = """
import pathlib, time
pathlib.Path({marker!r}).touch()
while not pathlib.Path({release!r}).exists():
    time.sleep(0.01)
"""


@pytest.fixture
def wheels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Wheelhouse:
    """The only packages there are."""
    made = Wheelhouse(tmp_path / "wheels")
    for name, value in made.environ(tmp_path / "cache").items():
        monkeypatch.setenv(name, value)
    return made


@pytest.fixture
def store(tmp_path: Path) -> EnvironmentStore:
    """A folder of environments, empty at first."""
    return EnvironmentStore(tmp_path / "environments")


def build(store: EnvironmentStore, *requirements: str, **how: object) -> Built:
    """One that is proved by the import of its first package."""
    name = requirements[0].partition("==")[0]
    specification = Specification(requirements, imports=(name,), **how)  # type: ignore[arg-type]
    return store.built(specification, lambda line: None)


def drafts(store: EnvironmentStore) -> list[Path]:
    """What is not whole."""
    return list(store.folder.glob(".*.partial-*"))


def begin(store: EnvironmentStore, requirement: str) -> "subprocess.Popen[str]":
    """A process that builds."""
    command = [sys.executable, "-c", BUILDER, str(store.folder), requirement]
    return subprocess.Popen(
        [*command, requirement.partition("==")[0]],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def test_an_environment_holds_its_packages_and_runs(
    wheels: Wheelhouse, store: EnvironmentStore
) -> None:
    wheels.wheel("tiny", source="import other\nanswer = other.answer")
    wheels.wheel("other", source="answer = 42")
    built = build(store, "tiny==1.0", "other==1.0")
    assert built.packages == {"other": "1.0", "tiny": "1.0"}
    program = "import tiny; print(tiny.answer)"
    done = subprocess.run(
        [built.python, "-c", program], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout == "42\n"
    assert list(store.environments()) == [built.folder.name]
    assert drafts(store) == []


def test_one_digest_is_built_once_and_shared(wheels: Wheelhouse, store: EnvironmentStore) -> None:
    wheels.wheel("tiny")
    said: list[str] = []
    specification = Specification(("tiny==1.0",), imports=("tiny",))
    first = store.built(specification, said.append)
    built_in = len(said)
    assert store.built(specification, said.append) == first
    assert len(said) == built_in > 0


def test_two_who_need_it_at_once_build_it_once(
    wheels: Wheelhouse, store: EnvironmentStore, tmp_path: Path
) -> None:
    marker, release = tmp_path / "marker", tmp_path / "release"
    wheels.wheel("slow", source=WAITS.format(marker=str(marker), release=str(release)))
    first = begin(store, "slow==1.0")
    until(marker.exists, "the first one builds")
    said: list[str] = []
    specification = Specification(("slow==1.0",), imports=("slow",))
    second = threading.Thread(target=store.built, args=(specification, said.append))
    second.start()
    until(lambda: any("waiting" in line for line in said), "the second one waits")
    assert f"process {first.pid} builds it" in said[0]
    release.touch()
    second.join(60)
    out, _ = first.communicate(timeout=60)
    assert first.returncode == 0, out
    assert len(said) == 1
    assert store.find(specification) is not None


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_what_an_interrupted_build_left_is_not_taken_for_whole(
    wheels: Wheelhouse, store: EnvironmentStore, tmp_path: Path, number: int
) -> None:
    marker, release = tmp_path / "marker", tmp_path / "release"
    wheels.wheel("slow", source=WAITS.format(marker=str(marker), release=str(release)))
    process = begin(store, "slow==1.0")
    until(marker.exists, "it builds")
    os.killpg(process.pid, number)
    process.communicate(timeout=60)
    assert process.returncode != 0
    assert store.environments() == {}
    assert len(drafts(store)) == (number == signal.SIGKILL)

    release.touch()
    built = build(store, "slow==1.0")
    assert list(store.environments()) == [built.folder.name]
    assert drafts(store) == []


def test_a_folder_that_is_not_whole_is_built_again(
    wheels: Wheelhouse, store: EnvironmentStore
) -> None:
    wheels.wheel("tiny")
    built = build(store, "tiny==1.0")
    (built.folder / "environment.json").write_text("{")
    assert store.find_digest(built.folder.name) is None
    assert build(store, "tiny==1.0") == built


def test_an_environment_whose_interpreter_is_gone_is_built_again(
    wheels: Wheelhouse, store: EnvironmentStore
) -> None:
    wheels.wheel("tiny")
    built = build(store, "tiny==1.0")
    built.python.unlink()
    assert build(store, "tiny==1.0").python.exists()


def test_a_package_without_a_wheel_is_refused_and_its_source_never_built(
    wheels: Wheelhouse, store: EnvironmentStore, tmp_path: Path
) -> None:
    marker = tmp_path / "built"
    wheels.source("sourced", marker)
    with pytest.raises(EnvironmentFailure, match=r"has no wheel for Python 3.* none is built here"):
        build(store, "sourced==1.0")
    assert not marker.exists()
    assert (store.environments(), drafts(store)) == ({}, [])


def test_a_wheel_of_another_machine_is_none(wheels: Wheelhouse, store: EnvironmentStore) -> None:
    wheels.wheel("windows", tag="cp311-cp311-win_amd64")
    with pytest.raises(EnvironmentFailure, match="no wheel"):
        build(store, "windows==1.0")


def test_a_version_that_does_not_exist_is_named(
    wheels: Wheelhouse, store: EnvironmentStore
) -> None:
    wheels.wheel("tiny", "1.0")
    with pytest.raises(EnvironmentFailure, match=r"no such version.*tiny==2\.0"):
        build(store, "tiny==2.0")


def test_a_file_that_is_not_the_locked_one_is_refused(
    wheels: Wheelhouse, store: EnvironmentStore
) -> None:
    wheels.wheel("tiny")
    with pytest.raises(EnvironmentFailure, match="not the one that is locked"):
        build(store, f"tiny==1.0 --hash=sha256:{'0' * 64}")


def test_without_an_index_it_is_said_what_to_do(
    wheels: Wheelhouse, store: EnvironmentStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("UV_NO_INDEX")
    monkeypatch.setenv("UV_DEFAULT_INDEX", "http://user:secret@127.0.0.1:9/simple")
    monkeypatch.setenv("UV_HTTP_RETRIES", "0")
    with pytest.raises(EnvironmentFailure, match="no package index was reached") as refused:
        build(store, "elsewhere==1.0")
    assert "secret" not in str(refused.value)


def test_told_to_stay_offline_it_says_so(
    wheels: Wheelhouse, store: EnvironmentStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("UV_NO_INDEX")
    monkeypatch.setenv("UV_OFFLINE", "1")
    with pytest.raises(EnvironmentFailure, match="no package index was reached"):
        build(store, "elsewhere==1.0")


def test_versions_that_do_not_go_together_are_named(
    wheels: Wheelhouse, store: EnvironmentStore
) -> None:
    wheels.wheel("tiny", needs=("other>=2",))
    wheels.wheel("other", "1.0")
    wheels.wheel("other", "2.0")
    with pytest.raises(EnvironmentFailure, match=r"do not go together.*tiny"):
        build(store, "tiny==1.0", constraints=("other==1.0",), complete=False)


def test_what_comes_with_a_package_must_be_pinned(
    wheels: Wheelhouse, store: EnvironmentStore
) -> None:
    wheels.wheel("tiny", needs=("other",))
    wheels.wheel("other", "1.0")
    with pytest.raises(EnvironmentFailure, match="other came with the packages"):
        build(store, "tiny==1.0", complete=False)
    assert build(store, "tiny==1.0", complete=False, constraints=("other==1.0",)).packages == {
        "other": "1.0",
        "tiny": "1.0",
    }


def test_a_warning_at_import_is_no_fault_and_an_error_is(
    wheels: Wheelhouse, store: EnvironmentStore
) -> None:
    wheels.wheel("warns", source="import warnings\nwarnings.warn('old', DeprecationWarning)")
    wheels.wheel("broken", source="raise OSError('libgomp.so.1: cannot open')")
    assert build(store, "warns==1.0").packages == {"warns": "1.0"}
    with pytest.raises(EnvironmentFailure, match=r"cannot be imported.*libgomp\.so\.1"):
        build(store, "broken==1.0")
    assert drafts(store) == []


def test_a_full_disk_is_said_and_nothing_half_is_left(
    wheels: Wheelhouse, store: EnvironmentStore
) -> None:
    wheels.wheel("huge", padding=8_000_000)
    store.folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=4m", "small", str(store.folder)]
    if subprocess.run(mount, capture_output=True, timeout=60, check=False).returncode:
        pytest.skip("only root may mount a small disk")
    try:
        with pytest.raises(EnvironmentFailure, match=r"disk is full|disk of .* is full"):
            build(store, "huge==1.0")
        assert (store.environments(), drafts(store)) == ({}, [])
    finally:
        subprocess.run(["umount", str(store.folder)], timeout=60, check=True)


def test_deleting_waits_for_nobody_and_spares_what_is_used(
    wheels: Wheelhouse, store: EnvironmentStore
) -> None:
    wheels.wheel("tiny")
    specification = Specification(("tiny==1.0",), imports=("tiny",))
    with store.in_use(specification, lambda line: None) as built:
        assert not store.delete(specification.digest)
        assert built.python.exists()

    assert store.delete(specification.digest)
    assert not store.delete(specification.digest)
    assert (store.environments(), drafts(store)) == ({}, [])


def test_the_size_and_the_packages_are_kept(wheels: Wheelhouse, store: EnvironmentStore) -> None:
    wheels.wheel("tiny", padding=3_000_000)
    built = build(store, "tiny==1.0")
    assert built.megabytes >= 3
    about = json.loads((built.folder / "environment.json").read_text())
    assert about["packages"] == {"tiny": "1.0"}
