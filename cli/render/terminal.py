"""The terminal that tables are drawn on."""

from typing import Any

PIPE_WIDTH = 400


def console() -> Any:
    """The terminal; in a pipe it is so wide that no line is cut."""
    from rich.console import Console

    terminal = Console(highlight=False)
    if terminal.is_terminal:
        return terminal
    return Console(highlight=False, width=PIPE_WIDTH)
