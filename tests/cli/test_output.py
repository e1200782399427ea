"""What is printed: names from data steer no terminal."""

import pytest

from cli.output import printable
from cli.render.exit_codes import Out


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain", "plain"),
        ("S\u00e3o Paulo \u6771\u4eac", "S\u00e3o Paulo \u6771\u4eac"),
        ("\x1b[31mred", "\\x1b[31mred"),
        ("new\nline\tand\rmore", "new\\nline\\tand\\rmore"),
        ("\u202eright to left", "\\u202eright to left"),
        ("another\u2028line\u2029end", "another\\u2028line\\u2029end"),
        ("no\u00a0break", "no\u00a0break"),
    ],
)
def test_control_characters_are_escapes(text: str, shown: str) -> None:
    assert printable(text) == shown


def test_a_result_keeps_its_lines_and_steers_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    Out(as_json=False).result({}, "first\nsecond \x1b[31m")
    assert capsys.readouterr().out == "first\nsecond \\x1b[31m\n"
