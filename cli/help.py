"""The help pages, as wide as the terminal."""

import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from operator import itemgetter
from textwrap import fill

from cli.parameters import Parameter
from cli.verb import Verb

WIDEST = 100
_KINDS = {"str": "TEXT", "int": "NUMBER", "float": "NUMBER", "Path": "FILE"}
Row = tuple[str, str]


def help_of_all(name: str, about: str, verbs: Iterable[Verb]) -> str:
    """The program's page: its verbs."""
    rows = [(verb.name, verb.help) for verb in verbs]
    more = "Options of a verb: add --help to it."
    return "\n".join(
        [f"Usage: {name} VERB ...", "", _text(about), "", "Verbs:", *_table(rows), "", more]
    )


def help_of(name: str, verb: Verb) -> str:
    """A verb's page: its arguments and options."""
    usage = f"Usage: {name} {verb.name}"
    arguments: list[Row] = []
    options: list[Row] = []
    for parameter in verb.parameters():
        if parameter.is_option:
            options.append((_names(parameter), parameter.help + _default(parameter)))
        else:
            arguments.append((parameter.metavar, parameter.help))
            usage += f" {_metavar(parameter)}"

    lines = [f"{usage} [OPTIONS]", "", _text(verb.help), ""]
    if arguments:
        lines += ["Arguments:", *_table(arguments), ""]

    options.append(("-h, --help", "Show this page."))
    return "\n".join([*lines, "Options:", *_table(options)])


def _metavar(argument: Parameter) -> str:
    if argument.required:
        return argument.metavar
    return f"[{argument.metavar}]"


def _names(option: Parameter) -> str:
    names = ", ".join(option.names)
    if option.negative:
        names = f"{names} / {option.negative}"

    if option.kind is bool:
        return names
    return f"{names} {_KINDS[option.kind.__name__]}"


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


def _table(rows: Sequence[Row]) -> Iterator[str]:
    width = max(map(len, map(itemgetter(0), rows)))
    indent = " " * (width + 4)
    for name, text in rows:
        yield _text(text, f"  {name:<{width}}  ", indent)


def _text(text: str, first: str = "", indent: str = "") -> str:
    return fill(
        text, _width(), initial_indent=first, subsequent_indent=indent, break_on_hyphens=False
    )


def _width() -> int:
    try:
        return max(40, min(WIDEST, os.get_terminal_size(sys.stdout.fileno()).columns))
    except (OSError, ValueError, AttributeError):
        return WIDEST
