"""The help pages, as wide as the terminal."""

import os
import sys
from collections.abc import Iterable
from textwrap import fill

from cli.parameters import Parameter
from cli.verb import Verb

WIDEST = 100


def help_of_all(name: str, about: str, verbs: Iterable[Verb]) -> str:
    """The program's page: its verbs."""
    rows = [(verb.name, verb.help) for verb in verbs]
    more = "Options of a verb: add --help to it."
    return "\n".join(
        [f"Usage: {name} VERB ...", "", _text(about), "", "Verbs:", *_table(rows), "", more]
    )


def help_of(name: str, verb: Verb) -> str:
    """A verb's page: its arguments and options."""
    parameters = verb.parameters()
    arguments = [each for each in parameters if not each.is_option]
    options = [each for each in parameters if each.is_option]
    usage = " ".join([f"Usage: {name} {verb.name}", *map(_placed, arguments), "[OPTIONS]"])
    lines = [usage, "", _text(verb.help), ""]
    if arguments:
        lines += ["Arguments:", *_table([(each.metavar, each.help) for each in arguments]), ""]

    rows = [(_named(each), each.help + _default(each)) for each in options]
    return "\n".join([*lines, "Options:", *_table([*rows, ("-h, --help", "Show this page.")])])


def _placed(parameter: Parameter) -> str:
    if parameter.required:
        return parameter.metavar
    return f"[{parameter.metavar}]"


def _named(option: Parameter) -> str:
    names = ", ".join(option.names) + (f" / {option.negative}" if option.negative else "")
    kinds = {"str": "TEXT", "int": "NUMBER", "float": "NUMBER", "Path": "FILE"}
    if option.kind is bool:
        return names
    return f"{names} {kinds[option.kind.__name__]}"


def _default(option: Parameter) -> str:
    if option.required:
        return " Required."
    if option.kind is bool:
        if option.negative:
            return f" Default: {option.negative}."
        return ""
    if option.default in (None, ""):
        return ""
    return f" Default: {option.default}."


def _table(rows: Iterable[tuple[str, str]]) -> list[str]:
    rows = list(rows)
    wide = max(len(name) for name, _ in rows)
    hang = " " * (wide + 4)
    return [_text(text, f"  {name:<{wide}}  ", hang) for name, text in rows]


def _text(text: str, first: str = "", hang: str = "") -> str:
    return fill(
        text, _width(), initial_indent=first, subsequent_indent=hang, break_on_hyphens=False
    )


def _width() -> int:
    try:
        return max(40, min(WIDEST, os.get_terminal_size(sys.stdout.fileno()).columns))
    except (OSError, ValueError, AttributeError):
        return WIDEST
