"""One verb of a program: what it takes, and the values that a command line gives it."""

from collections.abc import Callable, Sequence
from typing import Any

from cli.parameters import Parameter, UsageError, parameters_of

Function = Callable[..., None]


class Verb:
    """One verb. passes_on: its function takes every word as it is typed, as one list."""

    def __init__(self, name: str, function: Function, passes_on: bool = False) -> None:
        self.name, self.function, self.passes_on = name, function, passes_on

    @property
    def help(self) -> str:
        """What it does, in one line."""
        summary, _, _ = (self.function.__doc__ or "").strip().partition("\n\n")
        return " ".join(summary.split())

    def parameters(self) -> list[Parameter]:
        """What it takes, in order."""
        if self.passes_on:
            return []
        return parameters_of(self.function)

    def arguments(self, words: Sequence[str]) -> dict[str, Any]:
        """The values of its parameters; raises UsageError. An option may stand anywhere, `--` ends
        the options.
        """
        if self.passes_on:
            return {"words": list(words)}

        parameters = self.parameters()
        given, rest = _options(
            {name: each for each in parameters for name in _names(each)}, list(words)
        )
        placed = _positions([each for each in parameters if not each.is_option], rest)
        return {**placed, **_defaults(parameters, given), **given}


def _names(parameter: Parameter) -> tuple[str, ...]:
    if parameter.negative:
        return (*parameter.names, parameter.negative)
    return parameter.names


def _options(known: dict[str, Parameter], words: list[str]) -> tuple[dict[str, Any], list[str]]:
    """The options' values by key, and the words that are none."""
    given: dict[str, Any] = {}
    rest: list[str] = []
    while words:
        word = words.pop(0)
        if word == "--":
            return given, rest + words
        if not word.startswith("-") or word == "-":
            rest.append(word)
            continue
        name, joined = _split(word)
        if name not in known:
            raise UsageError(f"No such option '{name}'{meant(name, known)}")
        option = known[name]
        if option.kind is bool:
            if joined is not None:
                raise UsageError(f"Option '{name}' takes no value")
            given[option.key] = name != option.negative
        elif joined is None and not words:
            raise UsageError(f"Option '{name}' needs a value")
        else:
            given[option.key] = option.value(words.pop(0) if joined is None else joined)

    return given, rest


def _split(word: str) -> tuple[str, str | None]:
    """Name and joined value of `--name=value` or `-nvalue`."""
    if word.startswith("--"):
        name, sign, value = word.partition("=")
        return name, value if sign else None
    return word[:2], word[2:] or None


def _positions(parameters: Sequence[Parameter], words: list[str]) -> dict[str, Any]:
    given: dict[str, Any] = {}
    for parameter in parameters:
        if parameter.many:
            given[parameter.key] = [parameter.value(word) for word in words]
            words = []
        elif words:
            given[parameter.key] = parameter.value(words[0])
            words = words[1:]
        elif parameter.required:
            raise UsageError(f"Missing argument '{parameter.key}'")
        else:
            given[parameter.key] = parameter.default

    if words:
        raise UsageError(f"Unexpected argument '{words[0]}'")

    return given


def _defaults(parameters: Sequence[Parameter], given: dict[str, Any]) -> dict[str, Any]:
    """Of the options that were not given."""
    missing = [each for each in parameters if each.is_option and each.key not in given]
    for option in missing:
        if option.required:
            raise UsageError(f"Missing option '{option.shown}'")
    return {option.key: option.default for option in missing}


def meant(name: str, known: dict[str, Any]) -> str:
    from difflib import get_close_matches

    close = get_close_matches(name, known, n=1)
    if close:
        return f". Did you mean '{close[0]}'?"
    return ""
