"""The environment a model was trained in."""

import re
import subprocess
from importlib.metadata import version

from delivery.inputs.environment import environment_yaml, git_state, python_version
from environments.installed_packages import installed


def test_every_package_has_its_normalised_name_and_its_exact_version():
    result = installed()
    assert list(result) == sorted(result)
    assert all(re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", name) for name in result)
    for name in ("scikit-learn", "pandas", "numpy", "onnxruntime", "skl2onnx", "typing-extensions"):
        assert result[name] == version(name)


def test_the_environment_pins_python_and_every_package():
    made = environment_yaml("loans-v1", {"numpy": "2.4.6", "pandas": "3.1.1"})
    assert made["name"] == "loans-v1"
    assert made["dependencies"] == [
        f"python={python_version()}",
        "pip",
        {"pip": ["numpy==2.4.6", "pandas==3.1.1"]},
    ]


def test_outside_a_checkout_there_is_no_commit(tmp_path):
    assert git_state(tmp_path) == {"git_commit": None, "git_clean": None}
    assert git_state(tmp_path / "nowhere") == {"git_commit": None, "git_clean": None}


def test_a_checkout_has_its_commit_and_whether_it_is_clean(tmp_path):
    def git(*words):
        names = (
            "-c",
            "user.name=ann",
            "-c",
            "user.email=ann@example.org",
            "-c",
            "commit.gpgsign=false",
        )
        return subprocess.run(
            ["git", *names, *words], cwd=tmp_path, capture_output=True, text=True, check=True
        ).stdout

    git("init", "-q")
    assert git_state(tmp_path) == {"git_commit": None, "git_clean": None}
    git("commit", "-q", "--allow-empty", "-m", "first")
    commit = git("rev-parse", "HEAD").strip()
    assert git_state(tmp_path) == {"git_commit": commit, "git_clean": True}
    (tmp_path / "new").write_text("")
    assert git_state(tmp_path) == {"git_commit": commit, "git_clean": False}
