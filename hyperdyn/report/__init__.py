"""Reports for people: a page in one file, and tables in the terminal."""

from hyperdyn.report.console import print_results
from hyperdyn.report.table import Table
from hyperdyn.report.tables import tables
from hyperdyn.report.writer import write_report

__all__ = ["Table", "print_results", "tables", "write_report"]
