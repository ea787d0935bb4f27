"""The pages that `make docs` lays out for the site."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

import hyperdyn

ROOT = Path(__file__).parents[2]


@pytest.fixture
def site(monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    monkeypatch.syspath_prepend(ROOT / "docs")
    import build_site

    yield build_site
    for name in ("build_site", "reference"):
        sys.modules.pop(name, None)


def test_every_page_and_every_public_name_is_on_the_site(site: ModuleType) -> None:
    pages = site.pages()
    assert {p.stem for p in (ROOT / "docs").glob("*.md")} | {"results", "reference"} == set(pages)
    tree = pages["index"].split("toctree}")[1]
    assert set(re.findall(r"^([\w-]+)$", tree, re.M)) - {"hidden"} == set(pages) - {"index"}
    headings = set(re.findall(r"^## (\w+)$", pages["reference"], re.M))
    assert {n for n in hyperdyn.__all__ if not n.startswith("__")} <= headings
    assert "interquartile mean" in pages["results"]


def test_every_link_of_the_site_leads_to_a_page_a_section_or_a_picture(site: ModuleType) -> None:
    pages = site.pages()
    for name, text in pages.items():
        for target in re.findall(r"\]\(([^)]+)\)", re.sub(r"```.*?```|`[^`]*`", "", text, flags=re.S)):
            path, _, section = target.partition("#")
            page = path.removesuffix(".md") or name
            assert page in pages or (ROOT / "docs" / path).is_file(), f"{name}: {target}"
            if section:
                titles = re.findall(r"^#+ (.*)$", pages[page], re.M)
                anchors = {re.sub(r"[^\w -]", "", t.lower()).strip().replace(" ", "-") for t in titles}
                assert section in anchors, f"{name}: {target}"


def test_a_docstring_keeps_its_words_as_markdown(site: ModuleType) -> None:
    import reference

    def shown(a: int, *, b: str = "x") -> None:
        """What it does with a * b.

            y = a * x

        a: [N,S] of something,
            and more.

        Raises:
            ValueError: never.
        """

    text = reference.entry("here.shown", shown)
    assert text.startswith("## shown\n\n```python\nhere.shown(a: int, *, b: str = 'x') -> None\n```\n")
    assert "What it does with a \\* b." in text
    assert "```text\ny = a * x\n```" in text
    assert "- `a`: \\[N,S\\] of something,\n  and more." in text
    assert "*Raises:*\n\n- `ValueError`: never." in text


def test_what_doctor_asks_is_explained() -> None:
    asked = set(re.findall(r'Check\(\s*"([^"]+)"', (ROOT / "hyperdyn" / "doctor.py").read_text()))
    page = (ROOT / "docs" / "troubleshooting.md").read_text()
    assert set(re.findall(r"^\| `([^`]+)` \|", page.split("## Installation")[0], re.M)) == asked
    assert len(asked) >= 10
