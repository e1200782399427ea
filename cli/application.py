"""The verbs of a program: which there are, which one a command line names, and with which
values.
"""

import sys
from collections.abc import Callable, Sequence

from cli.parameters import UsageError
from cli.verb import Function, Verb, meant

HELP = ("-h", "--help")


class Application:
    """The program. name: how it is called; help: what it does."""

    def __init__(self, name: str, help: str) -> None:
        self.name, self.help = name, help
        self.verbs: dict[str, Verb] = {}

    def verb(self, name: str = "", passes_on: bool = False) -> Callable[[Function], Function]:
        """Make a function one of its verbs, by default under the function's own name."""

        def register(function: Function) -> Function:
            known = name or function.__name__
            self.verbs[known] = Verb(known, function, passes_on)
            return function

        return register

    def call(self, words: Sequence[str]) -> Callable[[], None]:
        """What a command line asks for, ready to be called; raises UsageError, its text empty
        without any word.
        """
        if not words or words[0] in HELP:
            if not words:
                self._print_help(None)
                raise UsageError
            return lambda: self._print_help(None)

        verb = self.named(words[0])
        if not verb.passes_on and _asks_for_help(words[1:]):
            return lambda: self._print_help(verb)

        values = verb.arguments(words[1:])
        return lambda: verb.function(**values)

    def named(self, name: str) -> Verb:
        """The verb of that name; raises UsageError with the one that was probably meant."""
        if name in self.verbs:
            return self.verbs[name]
        kind = "option" if name.startswith("-") else "command"
        raise UsageError(f"No such {kind} '{name}'{meant(name, self.verbs)}")

    def _print_help(self, verb: Verb | None) -> None:
        # Only a page of help needs them.
        from cli.help import help_of, help_of_all
        from cli.output import print_line

        print_line(
            help_of(self.name, verb)
            if verb
            else help_of_all(self.name, self.help, self.verbs.values()),
            sys.stdout,
        )


def _asks_for_help(words: Sequence[str]) -> bool:
    ends = words.index("--") if "--" in words else len(words)
    return any(word in HELP for word in words[:ends])
