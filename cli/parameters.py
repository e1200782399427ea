"""What a verb's function takes: stands in the `Annotated` of each parameter.

Built for start-up time: no dataclass here, and annotations are evaluated for the verb that was
asked for alone."""

from collections.abc import Callable
from inspect import Parameter as SignatureParameter
from inspect import signature
from pathlib import Path
from types import UnionType
from typing import Any


class UsageError(Exception):
    """What was typed does not fit the verb; the text says what to type instead."""


class Argument:
    """A word by its place. least, most: of a number."""

    def __init__(
        self, help: str, metavar: str = "", least: int | None = None, most: int | None = None
    ) -> None:
        self.help, self.metavar, self.least, self.most = help, metavar, least, most
        self.names: tuple[str, ...] = ()


class Option:
    """A named value, or a flag. names: `-m`, `--reason`, or `--step/--full` for a pair; default:
    from the parameter.
    """

    def __init__(
        self, *names: str, help: str, least: int | None = None, most: int | None = None
    ) -> None:
        self.names, self.help, self.least, self.most = names, help, least, most
        self.metavar = ""


class Parameter:
    """One parameter of a verb's function.

    kind: str, int, float, bool or Path; many: takes all the words that are left; names: of an
    option, `-m` and `--reason`, empty for an argument; negative: the name that switches a flag off,
    empty without one."""

    def __init__(self, parameter: SignatureParameter) -> None:
        declared = parameter.annotation.__metadata__[0]
        hint = parameter.annotation.__origin__
        kinds = (
            [kind for kind in hint.__args__ if kind is not type(None)]
            if isinstance(hint, UnionType)
            else [hint]
        )
        self.many = getattr(kinds[0], "__origin__", None) is list
        self.kind: type = kinds[0].__args__[0] if self.many else kinds[0]
        self.key = parameter.name
        self.help: str = declared.help
        self.least: int | None = declared.least
        self.most: int | None = declared.most
        self.required = parameter.default is SignatureParameter.empty
        self.default = None if self.required else parameter.default
        self.is_option = isinstance(declared, Option)
        self.metavar = declared.metavar or self.key.upper()
        self.negative: str
        positive, _, self.negative = (declared.names or (f"--{self.key.replace('_', '-')}",))[
            -1
        ].partition("/")
        self.names = (*declared.names[:-1], positive) if self.is_option else ()

    @property
    def shown(self) -> str:
        """How messages name it."""
        if self.names:
            return str(self.names[-1])
        return self.key

    def value(self, text: str) -> Any:
        """A word as the function takes it; raises UsageError."""
        if self.kind is Path:
            if not text:
                raise UsageError(f"'{self.shown}' is empty: name a file")
            return Path(text)

        if self.kind is str:
            return text

        try:
            number = self.kind(text)
        except ValueError:
            number = None

        low, high = self.least is None or number is None, self.most is None or number is None
        if number is None or not (low or number >= self.least) or not (high or number <= self.most):
            raise UsageError(f"'{self.shown}' takes {self._wanted()}, not {text!r}")

        return number

    def _wanted(self) -> str:
        noun = "a whole number" if self.kind is int else "a number"
        if self.least is not None and self.most is not None:
            return f"{noun} from {self.least} to {self.most}"
        if self.least is None:
            return noun
        return f"{noun} of at least {self.least}"


def parameters_of(function: Callable[..., Any]) -> list[Parameter]:
    """Of a verb's function, in its order."""
    return [Parameter(each) for each in signature(function, eval_str=True).parameters.values()]
