"""The terminal, and the tables of numbers that are drawn on it."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.table import Table

PIPE_WIDTH = 400


def console() -> Any:
    """The terminal; in a pipe it is so wide that no line is cut."""
    from rich.console import Console

    terminal = Console(highlight=False)
    if terminal.is_terminal:
        return terminal
    return Console(highlight=False, width=PIPE_WIDTH)


def number_table(texts: Sequence[str], numbers: Sequence[str]) -> "Table":
    """An empty table. texts, numbers: the heads of its columns, in this order."""
    from rich.table import Table

    table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold")
    for head in texts:
        table.add_column(head, no_wrap=True)

    for head in numbers:
        table.add_column(head, justify="right", no_wrap=True)

    return table
