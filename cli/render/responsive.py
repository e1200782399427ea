"""Of several forms of one table, the first that fits the terminal: a number that is cut off is a
wrong number.
"""

from collections.abc import Sequence

from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.measure import Measurement

_UNBOUNDED = 10_000


class Fitting:
    """forms: from the widest to the narrowest; the last is drawn where none fits."""

    def __init__(self, forms: Sequence[RenderableType]) -> None:
        self.forms = forms

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Yield the form to draw; called by rich."""
        free = options.update(max_width=_UNBOUNDED, width=_UNBOUNDED)
        for form in self.forms[:-1]:
            if Measurement.get(console, free, form).maximum <= options.max_width:
                yield form
                return

        yield self.forms[-1]
