"""The pieces of a self-contained HTML page. Every text that comes from outside is escaped here."""

from __future__ import annotations

import base64
import html
from collections.abc import Sequence
from pathlib import Path

from hyperdyn.report.table import Table

MEDIA = {".png": "image/png", ".gif": "image/gif", ".jpg": "image/jpeg"}

STYLE = """
:root { color-scheme: light dark; --ink: #1f2430; --faint: #667085; --paper: #ffffff; --card: #f6f7f9;
  --line: #e3e6eb; --accent: #2563eb; }
@media (prefers-color-scheme: dark) { :root { --ink: #e7e9ee; --faint: #98a2b3; --paper: #14171d; --card: #1c2029;
  --line: #2d333f; --accent: #7aa5ff; } }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 76rem; padding: 2.5rem 1.5rem 5rem; background: var(--paper); color: var(--ink);
  font: 16px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; }
header { border-bottom: 1px solid var(--line); margin-bottom: 2rem; padding-bottom: 1rem; }
h1 { font-size: 1.9rem; margin: 0 0 .25rem; letter-spacing: -.02em; }
h2 { font-size: 1.25rem; margin: 3rem 0 .75rem; }
h3 { font-size: 1rem; margin: 1.75rem 0 .4rem; }
p { margin: .4rem 0; } .faint, figcaption, caption { color: var(--faint); font-size: .875rem; }
nav { margin-top: .8rem; } nav a { margin-right: 1.2rem; color: var(--accent); text-decoration: none; }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(13rem, 1fr)); gap: 1rem; }
.tile { background: var(--card); border: 1px solid var(--line); border-radius: .7rem; padding: 1rem 1.2rem; }
.tile b { display: block; font-size: 1.75rem; letter-spacing: -.02em; font-variant-numeric: tabular-nums; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-size: .9rem; font-variant-numeric: tabular-nums; }
caption { caption-side: bottom; text-align: left; padding-top: .5rem; }
th, td { padding: .45rem .8rem; text-align: right; white-space: nowrap; border-bottom: 1px solid var(--line); }
th { font-weight: 600; vertical-align: bottom; white-space: normal; }
th:first-child, td:first-child { text-align: left; }
td.best { font-weight: 700; } tbody tr:hover { background: var(--card); }
figure { margin: 1rem 0 1.5rem; } figure img { max-width: 100%; height: auto; background: #fff; border-radius: .5rem;
  border: 1px solid var(--line); }
.gallery { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 30rem), 1fr)); gap: 1.2rem; }
pre { background: var(--card); border: 1px solid var(--line); border-radius: .5rem; padding: 1rem; overflow-x: auto;
  font: .825rem/1.5 ui-monospace, "SF Mono", Menlo, monospace; }
details { margin: .8rem 0; } summary { cursor: pointer; color: var(--accent); }
@media print { body { max-width: none; padding: 0; } details { display: block; } }
"""


def page(title: str, subtitle: str, sections: Sequence[tuple[str, str]]) -> str:
    """A whole document; sections are (heading, HTML) pairs, empty ones are left out."""
    kept = [(heading, body) for heading, body in sections if body]
    links = "".join(f'<a href="#{anchor(h)}">{html.escape(h)}</a>' for h, _ in kept)
    body = "\n".join(f'<section id="{anchor(h)}"><h2>{html.escape(h)}</h2>{b}</section>' for h, b in kept)
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{html.escape(title)}</title>'
        f'<meta name="viewport" content="width=device-width, initial-scale=1"><style>{STYLE}</style></head>\n'
        f"<body><header><h1>{html.escape(title)}</h1><p class=faint>{html.escape(subtitle)}</p>"
        f"<nav>{links}</nav></header>\n"
        f"{body}\n</body></html>\n"
    )


def anchor(heading: str) -> str:
    return "".join(c if c.isalnum() else "-" for c in heading.lower())


def tiles(numbers: Sequence[tuple[str, str]]) -> str:
    """Large numbers, each with a line on what it is."""
    inner = "".join(
        f'<div class="tile"><b>{html.escape(value)}</b><span class=faint>{html.escape(about)}</span></div>'
        for value, about in numbers
    )
    return f'<div class="tiles">{inner}</div>' if numbers else ""


def table(content: Table) -> str:
    head = "".join(f"<th>{html.escape(c)}</th>" for c in content.columns)
    rows = []
    for number, row in enumerate(content.rows):
        best = content.best[number] if content.best else ()
        cells = [f"<td{' class=best' if i in best else ''}>{html.escape(cell)}</td>" for i, cell in enumerate(row)]
        rows.append(f"<tr>{''.join(cells)}</tr>")
    caption = f"<caption>{html.escape(content.note)}</caption>" if content.note else ""
    body = f"<thead><tr>{head}</tr></thead><tbody>{''.join(rows)}</tbody>"
    return f'<h3>{html.escape(content.title)}</h3><div class="scroll"><table>{caption}{body}</table></div>'


def picture(path: Path, caption: str | None = None) -> str:
    """An image inside the page itself; its file name, in words, as a caption unless there is one."""
    data = base64.b64encode(path.read_bytes()).decode()
    text = html.escape(path.stem.replace("_", " ").replace("-", " ") if caption is None else caption)
    source = f"data:{MEDIA[path.suffix.lower()]};base64,{data}"
    return f'<figure><img alt="{text}" src="{source}"><figcaption>{text}</figcaption></figure>'


def gallery(paths: Sequence[Path]) -> str:
    inner = "".join(picture(p) for p in paths)
    return f'<div class="gallery">{inner}</div>' if paths else ""


def folded(summary: str, body: str) -> str:
    return f"<details><summary>{html.escape(summary)}</summary>{body}</details>"


def code(text: str) -> str:
    return f"<pre>{html.escape(text)}</pre>"
