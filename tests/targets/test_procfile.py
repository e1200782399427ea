"""Commands without a shell."""

from pathlib import Path

import pytest

from deployment.workspace.errors import Misconfigured
from targets.procfile import command


def test_a_command_is_split_as_a_shell_would_and_never_run_by_one(tmp_path: Path) -> None:
    (tmp_path / "Procfile").write_text("service: /bin/serve --say 'a b; c' \"$HOME\"\n")
    assert command(tmp_path / "Procfile", "service") == ["/bin/serve", "--say", "a b; c", "$HOME"]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("web: x\n", "no line `service"),
        ("service: x 'open\n", "cannot be split"),
        ("service: x\nservice: y\n", "names a process twice"),
        ("service: \xe4\n", "no text in UTF-8, from byte 9 on: save it"),
    ],
)
def test_a_procfile_that_does_not_serve_is_refused(tmp_path: Path, text: str, why: str) -> None:
    (tmp_path / "Procfile").write_text(text, encoding="latin-1")
    with pytest.raises(Misconfigured, match=why):
        command(tmp_path / "Procfile", "service")


def test_a_missing_procfile_is_named(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match="Procfile cannot be read"):
        command(tmp_path / "Procfile", "router")
