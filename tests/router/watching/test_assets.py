"""The page's files: what is vendored is what was vendored, and nothing of the page needs more than
its own files.
"""

import re
from hashlib import sha256
from pathlib import Path

import pytest

from router.problems import Problem
from router.watching.assets import FOLDER, Assets
from router.watching.security_headers import POLICY

TEMPLATES = FOLDER.parent / "templates"
VENDORED = {
    "uPlot-1.6.32.iife.min.js": "19c8d4c6ad88929a79f4ae49d6f7161566dfd0ba3d15cc495e974f787eb78f1f",
    "uPlot-1.6.32.min.css": "df630c6a8d6f8eeaff264b50f73ce5b114f646ffd9a0bb74f049b0a00135fa04",
    "uPlot-LICENSE.txt": "8f989229699b4fe2f1a0432d0e9edc338a8a911e250e2d1b01ecd770a5f5b1bd",
}
"""SHA-256 of the files as the tarball uplot-1.6.32.tgz of the npm registry has them."""


def test_what_is_vendored_is_the_tarballs_file() -> None:
    files = {path.name: sha256(path.read_bytes()).hexdigest() for path in FOLDER.glob("vendor/*")}
    assert files == VENDORED
    assert "MIT" in (FOLDER / "vendor" / "uPlot-LICENSE.txt").read_text()


def test_a_file_is_kept_for_ever_under_its_own_hash_and_never_under_another() -> None:
    assets = Assets()
    own, _ = assets.answer(f"/{assets.address('page.js')}")
    other, body = assets.answer("/static/0123456789ab/page.js")
    assert dict(own)[b"cache-control"] == b"public, max-age=31536000, immutable"
    assert dict(other)[b"cache-control"] == b"no-store"
    assert body == (FOLDER / "page.js").read_bytes()


def test_the_version_changes_with_any_file(tmp_path: Path) -> None:
    (tmp_path / "a.js").write_text("one")
    before = Assets(tmp_path).version
    (tmp_path / "a.js").write_text("two")
    assert Assets(tmp_path).version != before


@pytest.mark.parametrize("path", ["/static/x", "/static/x/", "/static/x/../app.py", "/static/x/y"])
def test_only_files_of_the_folder_are_answered(path: str) -> None:
    with pytest.raises(Problem, match="no file of the page"):
        Assets().answer(path)


def test_the_policy_allows_nothing_inline_and_nothing_of_others() -> None:
    assert "unsafe" not in POLICY
    assert "http" not in POLICY
    assert "script-src 'self'" in POLICY
    assert POLICY.startswith("default-src 'none'")


@pytest.mark.parametrize(
    "template", [path for path in TEMPLATES.rglob("*.html") if path.name != "docs.html"], ids=str
)
def test_no_template_has_a_script_a_style_or_an_address_of_its_own(template: Path) -> None:
    text = template.read_text()
    assert not re.search(r"<style|\sstyle=|\son\w+=|javascript:|https?://", text)
    assert all("src=" in script for script in re.findall(r"<script[^>]*>", text))


@pytest.mark.parametrize("script", sorted(FOLDER.glob("*.js")), ids=lambda path: path.name)
def test_every_import_of_a_script_is_a_file(script: Path) -> None:
    text = script.read_text()
    for name in re.findall(r'from "\./([^"]+)"', text):
        assert (FOLDER / name).is_file()

    assert not re.search(r"https?://|eval\(|new Function", text)
