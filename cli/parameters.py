"""The parameters of a verb: `Argument` and `Option` stand in the `Annotated` of its function.

Built for start-up time: no dataclasses, and only the verb that was typed has its annotations
evaluated."""

from collections.abc import Callable
from inspect import Parameter as SignatureParameter
from inspect import signature
from pathlib import Path
from types import UnionType
from typing import Any


class UsageError(Exception):
    """The words that were typed do not fit the verb; the text says what to type instead."""


class Argument:
    """A positional word. least, most: bounds of a number."""

    def __init__(
        self, help: str, metavar: str = "", least: int | None = None, most: int | None = None
    ) -> None:
        self.help, self.metavar, self.least, self.most = help, metavar, least, most
        self.names: tuple[str, ...] = ()


class Option:
    """A named value, or a flag. names: `-m`, `--reason`, or `--step/--full` for a pair."""

    def __init__(
        self, *names: str, help: str, least: int | None = None, most: int | None = None
    ) -> None:
        self.names, self.help, self.least, self.most = names, help, least, most
        self.metavar = ""


class Parameter:
    """One parameter of a verb's function.

    kind: str, int, float, bool or Path; many: takes all remaining words; names: of an option, such
    as `-m` and `--reason`, none of an argument; negative: the name that switches a flag off, empty
    without one."""

    def __init__(self, parameter: SignatureParameter) -> None:
        declared = parameter.annotation.__metadata__[0]
        self.key = parameter.name
        self.kind, self.many = _kind(parameter.annotation.__origin__)
        self.help: str = declared.help
        self.least: int | None = declared.least
        self.most: int | None = declared.most
        self.required = parameter.default is SignatureParameter.empty
        self.default = None if self.required else parameter.default
        self.is_option = isinstance(declared, Option)
        self.metavar = declared.metavar or self.key.upper()
        self.names: tuple[str, ...] = ()
        self.negative = ""
        if self.is_option:
            *aliases, name = declared.names or (f"--{self.key.replace('_', '-')}",)
            positive, _, self.negative = name.partition("/")
            self.names = (*aliases, positive)

    @property
    def shown(self) -> str:
        """How messages name it."""
        if self.names:
            return self.names[-1]
        return self.key

    def value(self, text: str) -> Any:
        """A word as the function takes it; raises UsageError."""
        if self.kind is Path:
            if not text:
                raise UsageError(f"'{self.shown}' is empty: name a file")
            if is_address(text):
                raise UsageError(f"'{self.shown}' takes a local file: download {text}, and name it")

            return Path(text)

        if self.kind is str:
            return text

        try:
            number = self.kind(text)
        except ValueError:
            number = None

        if number is None or not self._in_range(number):
            raise UsageError(f"'{self.shown}' takes {self._range()}, not {text!r}")

        return number

    def _in_range(self, number: float) -> bool:
        if self.least is not None and not number >= self.least:
            return False
        return self.most is None or number <= self.most

    def _range(self) -> str:
        noun = "a whole number" if self.kind is int else "a number"
        if self.least is not None and self.most is not None:
            return f"{noun} from {self.least} to {self.most}"
        if self.least is None:
            return noun
        return f"{noun} of at least {self.least}"


def is_address(text: str) -> bool:
    """Whether a text names no local file, but one at an address such as https:// or models:/."""
    scheme, separator, _ = text.partition(":/")
    return bool(separator) and len(scheme) > 1 and scheme.replace("+", "").isalnum()


def _kind(hint: Any) -> tuple[type, bool]:
    """The type of a value, and whether there may be many, of `T`, `list[T]`, each also `| None`."""
    if isinstance(hint, UnionType):
        hint = next(member for member in hint.__args__ if member is not type(None))

    if getattr(hint, "__origin__", None) is list:
        return hint.__args__[0], True
    return hint, False


def parameters_of(function: Callable[..., Any]) -> list[Parameter]:
    """Of a verb's function, in its order."""
    return list(map(Parameter, signature(function, eval_str=True).parameters.values()))
