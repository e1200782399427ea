"""One verb of a program: what it takes, and the values that a command line gives it."""

from collections.abc import Callable, Sequence
from typing import Any

from cli.parameters import Parameter, UsageError, parameters_of

Function = Callable[..., None]


class Verb:
    """One verb. passes_on: its function takes all words as they were typed, in one list."""

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
        """The values of its parameters; raises UsageError.

        An option may stand anywhere, and `--` ends the options."""
        if self.passes_on:
            return {"words": list(words)}

        arguments: list[Parameter] = []
        options: list[Parameter] = []
        for parameter in self.parameters():
            if parameter.is_option:
                options.append(parameter)
            else:
                arguments.append(parameter)

        values, rest = _options(options, list(words))
        positional = _arguments(arguments, rest)
        return {**positional, **_defaults(options, values), **values}


def _by_name(options: Sequence[Parameter]) -> dict[str, Parameter]:
    known: dict[str, Parameter] = {}
    for option in options:
        known |= dict.fromkeys(option.names, option)
        if option.negative:
            known[option.negative] = option

    return known


def _options(options: Sequence[Parameter], words: list[str]) -> tuple[dict[str, Any], list[str]]:
    """The options' values by key, and the other words."""
    known = _by_name(options)
    values: dict[str, Any] = {}
    rest: list[str] = []
    while words:
        word = words.pop(0)
        if word == "--":
            return values, rest + words

        if not word.startswith("-") or word == "-":
            rest.append(word)
            continue

        name, joined = _split(word)
        if name not in known:
            raise UsageError(f"No such option '{name}'{suggestion(name, known)}")

        option = known[name]
        values[option.key] = _option_value(option, name, joined, words)

    return values, rest


def _option_value(option: Parameter, name: str, joined: str | None, words: list[str]) -> Any:
    """Of `name`, with the value that is joined to it or else the next word, which is removed."""
    if option.kind is bool:
        if joined is not None:
            raise UsageError(f"Option '{name}' takes no value")
        return name != option.negative

    if joined is not None:
        return option.value(joined)

    if not words:
        raise UsageError(f"Option '{name}' needs a value")
    return option.value(words.pop(0))


def _split(word: str) -> tuple[str, str | None]:
    """Name and joined value of `--name=value` or `-nvalue`."""
    if word.startswith("--"):
        name, equals, value = word.partition("=")
        if equals:
            return name, value
        return name, None

    return word[:2], word[2:] or None


def _arguments(arguments: Sequence[Parameter], words: list[str]) -> dict[str, Any]:
    """The arguments' values by key, from the words in their order."""
    values: dict[str, Any] = {}
    for argument in arguments:
        if argument.many:
            values[argument.key] = list(map(argument.value, words))
            words = []
        elif words:
            values[argument.key] = argument.value(words[0])
            words = words[1:]
        elif argument.required:
            raise UsageError(f"Missing argument '{argument.key}'")
        else:
            values[argument.key] = argument.default

    if words:
        raise UsageError(f"Unexpected argument '{words[0]}'")

    return values


def _defaults(options: Sequence[Parameter], values: dict[str, Any]) -> dict[str, Any]:
    """Of the options that were not typed."""
    defaults: dict[str, Any] = {}
    for option in options:
        if option.key in values:
            continue

        if option.required:
            raise UsageError(f"Missing option '{option.shown}'")
        defaults[option.key] = option.default

    return defaults


def suggestion(name: str, known: dict[str, Any]) -> str:
    """`. Did you mean 'canary'?` of the closest known name, empty without one."""
    from difflib import get_close_matches

    close = get_close_matches(name, known, n=1)
    if close:
        return f". Did you mean '{close[0]}'?"
    return ""
