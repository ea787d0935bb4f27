"""Tables in a terminal."""

from __future__ import annotations

from collections.abc import Sequence

import rich.box
import rich.table
from rich.console import Console
from rich.text import Text

from hyperdyn.evaluate.results import Results
from hyperdyn.report.table import Table
from hyperdyn.report.tables import tables


def print_results(results: Results, console: Console | None = None, units: bool = False) -> None:
    """Print the tables of the results; those in physical units, which are long, if `units`."""
    shown = tables(results)
    print_tables(shown if units or not results.prediction else shown[:-1], console)


def print_tables(shown: Sequence[Table], console: Console | None = None) -> None:
    console = console or Console()
    for table in shown:
        console.print(_rich(table))


def _rich(table: Table) -> rich.table.Table:
    drawn = rich.table.Table(
        title=Text(table.title), caption=Text(table.note), box=rich.box.SIMPLE_HEAD, title_justify="left",
        title_style="bold", caption_justify="left",
    )  # fmt: skip
    for i, name in enumerate(table.columns):
        drawn.add_column(Text(name), justify="left" if i == 0 else "right", overflow="fold", no_wrap=i == 0)
    for number, row in enumerate(table.rows):
        best = table.best[number] if table.best else ()
        drawn.add_row(*(Text(cell, style="bold" if i in best else "") for i, cell in enumerate(row)))
    return drawn
