"""Files of the state folder that do not hold what was written there."""

from pathlib import Path

import pytest

from deployment.router_client import router_url
from deployment.workspace.errors import Misconfigured
from deployment.workspace.secrets import make_secrets, read_secrets
from deployment.workspace.text_file import read_line
from tests.deployment.project_harness import ProjectHarness

SPOILT = [
    (b"\xff\xfe\x00", "is no text in UTF-8, from byte 0 on: do this"),
    (b" \n", "is empty: do this"),
    (b"one\ntwo\n", "is not one line of text: do this"),
    (b"\x00", "is not one line of text: do this"),
]


@pytest.mark.parametrize(("content", "why"), SPOILT)
def test_what_is_no_line_of_text_is_named_with_the_next_step(
    tmp_path: Path, content: bytes, why: str
) -> None:
    (tmp_path / "kept").write_bytes(content)
    with pytest.raises(Misconfigured, match=f"kept {why}"):
        read_line(tmp_path / "kept", "do this")


def test_a_line_is_read_and_a_missing_file_is_none(tmp_path: Path) -> None:
    assert read_line(tmp_path / "kept", "do this") is None
    (tmp_path / "kept").write_text("one\n")
    assert read_line(tmp_path / "kept", "do this") == "one"
    with pytest.raises(Misconfigured, match="cannot be read"):
        read_line(tmp_path, "do this")


@pytest.mark.parametrize("content", [content for content, _ in SPOILT])
@pytest.mark.parametrize("name", ["service", "token", "operator", "database-url"])
def test_spoilt_secrets_are_named(project: ProjectHarness, name: str, content: bytes) -> None:
    make_secrets(project.workspace())
    (project.state / "secrets" / name).write_bytes(content)
    (project.folder / "deploy.toml").write_text('[deployment]\ntarget = "heroku"\n')
    with pytest.raises(Misconfigured, match=f"secrets/{name} is .*restore it, or remove it"):
        read_secrets(project.workspace())
    (project.folder / "deploy.toml").write_text("")


def test_a_secret_that_no_header_carries_is_named(project: ProjectHarness) -> None:
    make_secrets(project.workspace())
    (project.state / "secrets" / "service").write_text("ä" * 64, encoding="utf-8")
    with pytest.raises(Misconfigured, match="no secret that a header can carry"):
        read_secrets(project.workspace())


@pytest.mark.parametrize(
    ("content", "known"),
    [
        ("http://127.0.0.1:8000", True),
        ("http://::1:8000\n", True),
        ("https://toy-router.herokuapp.com/", True),
        ("http://127.0.0.1:port", False),
        ("127.0.0.1:8000", False),
        ("nonsense", False),
    ],
)
def test_the_routers_address_is_one_or_is_named(
    project: ProjectHarness, content: str, known: bool
) -> None:
    project.workspace().url_file.parent.mkdir(parents=True)
    project.workspace().run.mkdir(parents=True, exist_ok=True)
    project.workspace().url_file.write_text(content)
    if known:
        assert router_url(project.workspace()) == content.strip()
    else:
        with pytest.raises(
            Misconfigured, match=r"router\.url holds no address of a router: `python"
        ):
            router_url(project.workspace())


def test_the_verbs_name_a_spoilt_file_in_one_line_and_down_and_up_mend_it(
    running: ProjectHarness,
) -> None:
    workspace = running.workspace()
    for path in (workspace.url_file, workspace.model_file, running.state / "secrets" / "service"):
        kept = path.read_bytes()
        path.write_bytes(b"\xff")
        for verb in ("up", "status", "doctor"):
            process = running.begin(verb)
            said = "".join(process.communicate(timeout=300))
            assert "Traceback" not in said, (path, verb, said)
            assert path.name in said or verb == "status", (path, verb, said)
        path.write_bytes(kept)

    for path in (workspace.url_file, workspace.model_file):
        path.write_bytes(b"\xff")
    running.run("down")
    running.run("up")
