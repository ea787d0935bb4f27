"""Tables in Markdown."""

from __future__ import annotations

from hyperdyn.report.table import Table


def markdown(content: Table) -> str:
    """A table with its title and its note; what is best of a column is bold."""
    lines = [f"**{content.title}**", "", _row(content.columns), _row(["---"] * len(content.columns))]
    for number, row in enumerate(content.rows):
        best = content.best[number] if content.best else ()
        lines.append(_row([f"**{_escaped(c)}**" if i in best else _escaped(c) for i, c in enumerate(row)]))
    return "\n".join([*lines, "", *([content.note, ""] if content.note else [])])


def _row(cells: tuple[str, ...] | list[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _escaped(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
