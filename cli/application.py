"""A program and its verbs: finds the verb that a command line names, and its values."""

import sys
from collections.abc import Callable, Sequence

from cli.parameters import UsageError
from cli.verb import Function, Verb, suggestion

HELP = ("-h", "--help")


class Application:
    """The program. name: how it is started; help: what it does."""

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
        """The action that a command line asks for; raises UsageError, with no text if it has no
        words.
        """
        if not words:
            self._print_help(None)
            raise UsageError

        if words[0] in HELP:
            return lambda: self._print_help(None)

        verb = self.named(words[0])
        if not verb.passes_on and _asks_for_help(words[1:]):
            return lambda: self._print_help(verb)

        values = verb.arguments(words[1:])
        return lambda: verb.function(**values)

    def named(self, name: str) -> Verb:
        """The verb of that name; raises UsageError with a suggestion."""
        if name in self.verbs:
            return self.verbs[name]

        kind = "option" if name.startswith("-") else "command"
        raise UsageError(f"No such {kind} '{name}'{suggestion(name, self.verbs)}")

    def _print_help(self, verb: Verb | None) -> None:
        # Only a help page needs these.
        from cli.help import help_of, help_of_all
        from cli.output import print_line

        if verb is None:
            page = help_of_all(self.name, self.help, self.verbs.values())
        else:
            page = help_of(self.name, verb)

        print_line(page, sys.stdout)


def _asks_for_help(words: Sequence[str]) -> bool:
    """Whether an option before `--` asks for help."""
    for word in words:
        if word == "--":
            return False
        if word in HELP:
            return True

    return False
