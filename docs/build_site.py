"""The documentation as a site: python docs/build_site.py, into site/. Any warning is an error.

Pages are those of docs/, which read well as plain Markdown too; the results of README and a reference made of
docstrings are added. Links that lead out of docs/ become names of files.
"""

from __future__ import annotations

import re
import shutil
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "docs"))
from reference import reference  # noqa: E402

RESULTS = re.compile(r"<!-- results: begin -->\n(.*?)<!-- results: end -->", re.S)
OUT_OF_DOCS = re.compile(r"\[([^\]]*)\]\((\.\./|\w+/)(?!images/)([^)#]*)\)")


def pages() -> dict[str, str]:
    """Every page of the site by its name, the front page first."""
    found = {path.stem: path.read_text(encoding="utf-8") for path in sorted((ROOT / "docs").glob("*.md"))}
    (results,) = RESULTS.findall((ROOT / "README.md").read_text(encoding="utf-8"))
    found["results"] = "# Results\n\n" + re.sub(r"\]\((?!https?:|#)", "](../", results).replace("](../docs/", "](")
    found["reference"] = reference()
    order = re.findall(r"\]\(([\w-]+)\.md\)", found["index"])
    order = [*dict.fromkeys([*order, "results", "reference", *(set(found) - {"index"})])]
    found["index"] += "- [Results](results.md): the measured numbers.\n- [Reference](reference.md): the Python names.\n"
    found["index"] += "\n```{toctree}\n:hidden:\n\n" + "\n".join(order) + "\n```\n"
    return {name: OUT_OF_DOCS.sub(named, text) for name, text in found.items()}


def named(link: re.Match[str]) -> str:
    """A link to a file beside docs/ as that file's name; pictures and pages stay links."""
    text, start, rest = link.groups()
    if start != "../" and not rest.endswith((".py", ".yaml")):
        return link.group(0)
    return f"{text} (`{rest or start}`)" if text.strip("`") != rest else f"`{rest}`"


def build(out: Path) -> int:
    """The site in `out`; 0 if all is well."""
    from sphinx.cmd.build import main as sphinx

    source = ROOT / "build" / "site"
    shutil.rmtree(source, ignore_errors=True)
    shutil.copytree(ROOT / "docs" / "images", source / "images")
    shutil.copy(ROOT / "docs" / "conf.py", source)
    for name, text in pages().items():
        (source / f"{name}.md").write_text(text, encoding="utf-8")
    shutil.rmtree(out, ignore_errors=True)
    return sphinx(["-W", "--keep-going", "-q", "-E", "-d", str(source / ".doctrees"), str(source), str(out)])


if __name__ == "__main__":
    sys.exit(build(ROOT / "site"))
