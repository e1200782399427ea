"""uv looks for packages where pip does, unless it was told otherwise."""

from pathlib import Path

import pytest

from environments.installer import installer_environment
from environments.pip_settings import for_uv


@pytest.fixture
def home(tmp_path: Path) -> dict[str, str]:
    """A user whose pip.conf names an index, a second one and a folder."""
    folder = tmp_path / ".config" / "pip"
    folder.mkdir(parents=True)
    (folder / "pip.conf").write_text(
        "[global]\nindex-url = https://one.example/simple\n"
        "extra-index-url = https://two.example/simple\n  https://three.example/simple\n"
        "[install]\nfind-links = /wheels\n"
    )
    return {"HOME": str(tmp_path)}


def test_the_indexes_of_pips_files_are_told_to_uv(home: dict[str, str]) -> None:
    variables = for_uv(home)
    assert variables["UV_DEFAULT_INDEX"] == "https://one.example/simple"
    assert variables["UV_INDEX"] == "https://two.example/simple https://three.example/simple"
    assert variables["UV_FIND_LINKS"] == "/wheels"
    assert variables["UV_INDEX_STRATEGY"] == "unsafe-best-match"


def test_variables_win_over_pips_files(home: dict[str, str]) -> None:
    variables = for_uv({**home, "PIP_INDEX_URL": "https://mine.example", "PIP_NO_INDEX": "true"})
    assert variables["UV_DEFAULT_INDEX"] == "https://mine.example"
    assert variables["UV_NO_INDEX"] == "1"


def test_uvs_own_settings_win_over_pips(home: dict[str, str]) -> None:
    assert for_uv({**home, "UV_DEFAULT_INDEX": "https://uv.example"}) == {}
    (Path(home["HOME"]) / ".config" / "uv").mkdir()
    (Path(home["HOME"]) / ".config" / "uv" / "uv.toml").write_text("")
    assert for_uv(home) == {}


def test_a_broken_file_of_pip_is_left_to_pip(home: dict[str, str]) -> None:
    (Path(home["HOME"]) / ".config" / "pip" / "pip.conf").write_text("no section")
    assert "UV_DEFAULT_INDEX" not in for_uv(home)


def test_the_installer_gets_no_secret_and_nothing_that_allows_a_build(
    home: dict[str, str],
) -> None:
    environ = {
        **home,
        "SLUICE_SERVICE_SECRET": "s",
        "DATABASE_URL": "postgres://u:p@h/d",
        "UV_NO_BINARY": "1",
        "UV_OVERRIDE": "x",
        "UV_CACHE_DIR": "/cache",
        "https_proxy": "http://proxy",
    }
    given = installer_environment(environ)
    assert {"UV_CACHE_DIR", "https_proxy", "HOME"} <= given.keys()
    assert not given.keys() & {
        "SLUICE_SERVICE_SECRET",
        "DATABASE_URL",
        "UV_NO_BINARY",
        "UV_OVERRIDE",
    }
