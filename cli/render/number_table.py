"""A table whose columns of numbers stand right under their heads, none of which is cut."""

from collections.abc import Sequence

from rich.table import Table


def number_table(texts: Sequence[str], numbers: Sequence[str]) -> Table:
    """An empty table. texts, numbers: the heads of its columns, in this order."""
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold")
    for head in texts:
        table.add_column(head, no_wrap=True)

    for head in numbers:
        table.add_column(head, justify="right", no_wrap=True)

    return table
