"""A verdict's numbers as a table for a terminal."""

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from cli.render.responsive import Fitting
from cli.render.verdict.text import Shown

_WORD_STYLES = {
    "PASS": "bold green",
    "FAIL": "bold red",
    "HOLD": "bold yellow",
    "INVALID": "bold red",
}


def drawn_verdict(verdict: Shown) -> RenderableType:
    """A verdict's numbers; a long sentence is wrapped."""
    parts: list[RenderableType] = [_head(verdict), _answers(verdict), ""]
    tables = [_table(verdict), _stacked(verdict)]
    return Group(*parts, Fitting(tables), Text(verdict.together))


def _answers(verdict: Shown) -> Table:
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(no_wrap=True)
    table.add_column()
    for answer in verdict.answers:
        table.add_row(Text(answer.question, style="bold"), Text(answer.text))

    return table


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
    for name, candidate, stable, difference, alarm, proof, *odds, says in verdict.rows[1:]:
        lines.append(Text.assemble((name, "bold"), "  ", says))
        lines.append(Text(f"  {columns[1]} {candidate}, {columns[2]} {stable}: {difference}"))
        lines.append(Text(f"  alarm {alarm}, proof {proof}"))
        if odds:
            lines.append(Text(f"  odds against {odds[0]}, of the proof {odds[1]}"))

    return Group(*lines)
