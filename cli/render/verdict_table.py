"""A verdict's numbers as a table for a terminal."""

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from cli.render.responsive import Fitting
from cli.render.verdict import Shown

_WORD_STYLES = {
    "PASS": "bold green",
    "FAIL": "bold red",
    "HOLD": "bold yellow",
    "INVALID": "bold red",
}


def drawn_verdict(verdict: Shown) -> RenderableType:
    """A verdict's numbers; a long sentence of a signal is wrapped."""
    parts: list[RenderableType] = [_head(verdict)]
    if verdict.because:
        parts.append(Text(verdict.because))

    return Group(*parts, Fitting([_table(verdict), _stacked(verdict)]), Text(verdict.together))


def _head(verdict: Shown) -> Text:
    sentence, _, word = verdict.head.rpartition("   ")
    return Text.assemble(sentence, "   ", (word, _WORD_STYLES.get(word, "bold")))


def _table(verdict: Shown) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold")
    columns = verdict.rows[0]
    for column in columns:
        table.add_column(column, no_wrap=column != columns[-1])

    for row in verdict.rows[1:]:
        table.add_row(*map(Text, row))

    return table


def _stacked(verdict: Shown) -> RenderableType:
    """Three lines a signal, for a terminal too narrow for the table: first what the signal says."""
    columns = verdict.rows[0]
    lines = []
    for name, candidate, stable, difference, against, proof, says in verdict.rows[1:]:
        lines.append(Text.assemble((name, "bold"), "  ", says))
        lines.append(Text(f"  {columns[1]} {candidate}, {columns[2]} {stable}: {difference}"))
        lines.append(Text(f"  against {against}, proof {proof}"))

    return Group(*lines)
