r"""Tables in LaTeX, for a document that uses the package booktabs."""

from __future__ import annotations

from hyperdyn.report.table import Table

_SPECIAL = {
    "\\": r"\textbackslash{}", "&": r"\&", "%": r"\%", "$": r"\$", "#": r"\#", "_": r"\_", "{": r"\{", "}": r"\}",
    "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "<": r"\textless{}", ">": r"\textgreater{}",
    "·": r"$\cdot$", "°": r"$^\circ$", "…": r"\ldots{}",
}  # fmt: skip


def latex(content: Table, label: str = "") -> str:
    """A `table` environment, title and note as its caption; what is best of a column is bold."""
    lines = [r"\begin{table}", r"\centering", rf"\caption{{{escaped(content.title)}. {escaped(content.note)}}}"]
    if label:
        lines.append(rf"\label{{{label}}}")
    lines += [rf"\begin{{tabular}}{{l{'r' * (len(content.columns) - 1)}}}", r"\toprule"]
    lines += [_row([escaped(c) for c in content.columns]), r"\midrule"]
    for number, row in enumerate(content.rows):
        best = content.best[number] if content.best else ()
        lines.append(_row([rf"\textbf{{{escaped(c)}}}" if i in best else escaped(c) for i, c in enumerate(row)]))
    return "\n".join([*lines, r"\bottomrule", r"\end{tabular}", r"\end{table}", ""])


def escaped(text: str) -> str:
    """Any text as LaTeX sets it literally; a bracket after the end of a row would be taken for its option."""
    return "".join(_SPECIAL.get(c, c) for c in text).replace("[", "{[}").replace("]", "{]}")


def _row(cells: list[str]) -> str:
    return " & ".join(cells) + r" \\"
