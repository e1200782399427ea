"""The user's own environment.yaml or requirements.txt: ranges are read, and nothing is followed."""

from pathlib import Path

import pytest

from environments.environment_file import allowed_versions
from environments.errors import EnvironmentFailure


def written(folder: Path, text: str, name: str = "environment.yaml") -> Path:
    """A file with that text."""
    path = folder / name
    path.write_text(text)
    return path


def read(folder: Path, text: str, name: str = "environment.yaml") -> dict[str, str]:
    """What it wants."""
    return {package: str(v) for package, v in allowed_versions(written(folder, text, name)).items()}


def test_a_conda_environment_gives_exact_versions_and_ranges(tmp_path: Path) -> None:
    text = """
name: mine
channels: [conda-forge]
dependencies:
  - python=3.11
  - pip
  - numpy=2.2
  - conda-forge::scikit-learn=1.7.2=py311_0
  - pandas >=2.2,<3
  - py-xgboost==3.0.0
  - pip:
      - Imbalanced_Learn==0.14.0
      - lightgbm ; python_version < "3"
"""
    assert read(tmp_path, text) == {
        "imbalanced-learn": "==0.14.0",
        "numpy": "==2.2.*",
        "scikit-learn": "==1.7.2",
        "pandas": "<3,>=2.2",
        "xgboost": "==3.0.0",
    }


def test_a_requirements_file_may_have_comments_and_hashes(tmp_path: Path) -> None:
    text = """\
# what it needs
lightgbm==4.6.0 \\
    --hash=sha256:aa \\
    --hash=sha256:bb
scikit-learn  # any
numpy>=2 # at least
numpy<3
"""
    assert read(tmp_path, text, "requirements.txt") == {
        "lightgbm": "==4.6.0",
        "scikit-learn": "",
        "numpy": "<3,>=2",
    }


REFUSED = {
    "-e .": "has the option '-e .'",
    "--index-url https://example.org": "has the option '--index-url",
    "-r other.txt": "has the option",
    "x @ https://example.org/x.whl": "takes x from a URL",
    "./local.whl": "no package with a version",
    "https://example.org/x.whl": "no package with a version",
    "numpy==": "no package with a version",
    "two words": "no package with a version",
}


@pytest.mark.parametrize(("line", "reason"), REFUSED.items())
def test_what_an_installer_would_follow_is_refused(tmp_path: Path, line: str, reason: str) -> None:
    with pytest.raises(EnvironmentFailure, match=reason):
        allowed_versions(written(tmp_path, line + "\n", "requirements.txt"))
    with pytest.raises(EnvironmentFailure, match=reason):
        allowed_versions(written(tmp_path, f"dependencies:\n- pip:\n  - {line!r}\n"))


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("dependencies: 3", "is no environment.yaml"),
        ("name: x", "is no environment.yaml"),
        ("[", "is no environment.yaml"),
        ("dependencies:\n- python=3.8", "wants Python ==3.8.*"),
        ("dependencies:\n- '=1'", "no package with a version"),
        ("x" * 2_000_000, "is no list of packages"),
    ],
)
def test_a_file_that_is_none_is_refused(tmp_path: Path, text: str, reason: str) -> None:
    with pytest.raises(EnvironmentFailure, match=reason.replace("*", r"\*")):
        allowed_versions(written(tmp_path, text))


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(EnvironmentFailure, match=r"none\.txt cannot be read"):
        allowed_versions(tmp_path / "none.txt")
