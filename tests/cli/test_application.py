"""How a command line is read: by the signature of the verb's function."""

from pathlib import Path
from typing import Annotated, Any

import pytest

from cli.application import Application
from cli.parameters import Argument, Option, UsageError

app = Application("python toy.py", "A program.")
called: list[tuple[Any, ...]] = []


@app.verb()
def release(
    version: Annotated[str, Argument("Which.")],
    percent: Annotated[float, Option(help="A share.")] = 100.0,
    port: Annotated[int | None, Option(least=0, most=65535, help="A port.")] = None,
    file: Annotated[Path | None, Option("--from", help="A file.")] = None,
    step: Annotated[bool, Option("--step/--full", help="One step.")] = False,
    reason: Annotated[str, Option("-m", "--reason", help="Why.")] = "",
) -> None:
    """Release something: the first line is its help."""
    called.append((version, percent, port, file, step, reason))


@app.verb("many-words")
def many(names: Annotated[list[str] | None, Argument("All of them.")] = None) -> None:
    """Take what there is."""
    called.append(tuple(names or ()))


@app.verb()
def needs(source: Annotated[Path, Option("--from", help="A file.")]) -> None:
    """Need an option."""


@app.verb(passes_on=True)
def demo(words: list[str]) -> None:
    """Read its own words."""
    called.append(tuple(words))


def run(*words: str) -> tuple[Any, ...]:
    """Run a command line; returns what the function was given."""
    app.call(words)()
    return called.pop()


@pytest.mark.parametrize(
    ("words", "given"),
    [
        (("v1",), ("v1", 100.0, None, None, False, "")),
        (("--percent", "5", "v1", "--step"), ("v1", 5.0, None, None, True, "")),
        (
            ("v1", "--percent=5e0", "--port=0", "--from", "a b.py"),
            ("v1", 5.0, 0, Path("a b.py"), False, ""),
        ),
        (("v1", "--step", "--full", "-mwhy"), ("v1", 100.0, None, None, False, "why")),
        (("v1", "-m", "--because", "--reason", "-5 %"), ("v1", 100.0, None, None, False, "-5 %")),
        (("--reason=a=b", "--", "--v1"), ("--v1", 100.0, None, None, False, "a=b")),
        (("v1", "-m", ""), ("v1", 100.0, None, None, False, "")),
    ],
)
def test_options_stand_anywhere_and_take_the_word_that_follows(
    words: tuple[str, ...], given: tuple[Any, ...]
) -> None:
    assert run("release", *words) == given


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("releas",), "No such command 'releas'. Did you mean 'release'?"),
        (("--json",), "No such option '--json'"),
        (("",), "No such command ''"),
        (("release",), "Missing argument 'version'"),
        (("release", "v1", "v2"), "Unexpected argument 'v2'"),
        (("release", "v1", "--stepz"), "No such option '--stepz'. Did you mean '--step'?"),
        (("release", "v1", "-x"), "No such option '-x'"),
        (("release", "v1", "--percent"), "Option '--percent' needs a value"),
        (("release", "v1", "--step=yes"), "Option '--step' takes no value"),
        (("release", "v1", "--percent", "much"), "'--percent' takes a number, not 'much'"),
        (
            ("release", "v1", "--port", "99999"),
            "'--port' takes a whole number from 0 to 65535, not '99999'",
        ),
        (
            ("release", "v1", "--port", "1.5"),
            "'--port' takes a whole number from 0 to 65535, not '1.5'",
        ),
        (("release", "v1", "--from", ""), "'--from' is empty: name a file"),
        (
            ("needs", "--from", "https://models.example/environment.yaml"),
            "'--from' takes a local file: download https://models.example/environment.yaml, and "
            "name it",
        ),
        (
            ("needs", "--from", "models:/flights/3"),
            "'--from' takes a local file: download models:/flights/3, and name it",
        ),
        (("needs",), "Missing option '--from'"),
    ],
)
def test_what_does_not_fit_is_named(words: tuple[str, ...], said: str) -> None:
    with pytest.raises(UsageError) as refused:
        app.call(words)
    assert str(refused.value) == said


@pytest.mark.parametrize("name", ["a:b.py", "C:/rows.csv", "day 3:/x.py", "/tmp/x", "./https"])
def test_a_file_of_an_odd_name_is_a_file(name: str) -> None:
    assert run("release", "v1", "--from", name)[3] == Path(name)


def test_a_verb_takes_many_words_or_reads_its_own() -> None:
    assert run("many-words", "v1", "v2") == ("v1", "v2")
    assert run("many-words") == ()
    assert run("demo", "--help", "-x", "y") == ("--help", "-x", "y")


def test_help_lists_verbs_arguments_options_and_defaults(
    capsys: pytest.CaptureFixture[str],
) -> None:
    app.call(["--help"])()
    assert "many-words  Take what there is." in capsys.readouterr().out
    app.call(["release", "v1", "-h"])()
    page = capsys.readouterr().out
    assert page.startswith("Usage: python toy.py release VERSION [OPTIONS]\n\nRelease something")
    for line in (
        "--percent NUMBER",
        "Default: 100.0.",
        "--step / --full",
        "Default: --full.",
        "-m, --reason TEXT",
    ):
        assert line in page

    app.call(["needs", "-h"])()
    assert "--from FILE  A file. Required." in capsys.readouterr().out


def test_without_a_word_the_help_is_shown_and_nothing_said(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(UsageError, match=r"^$"):
        app.call([])
    assert "many-words" in capsys.readouterr().out
