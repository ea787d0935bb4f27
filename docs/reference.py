"""Docstrings as Markdown: the reference of the site."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from dataclasses import is_dataclass
from typing import Any

import hyperdyn
from hyperdyn import config, errors, module, train, types
from hyperdyn.envs import spec
from hyperdyn.evaluate import manifest
from hyperdyn.models import base
from hyperdyn.planning import base as planning
from hyperdyn.planning import stable_worldmodel
from hyperdyn.shards import store

TOP = [name for name in hyperdyn.__all__ if not name.startswith("__")]
MORE: dict[str, tuple[Any, list[str]]] = {
    "Vocabulary: hyperdyn.types": (types, ["StateSpec", "Expert", "Step", "Plan", "Batch"]),
    "Contracts": (base, ["AbstractDynamics"]),
    "Planners": (planning, ["AbstractPlanner", "SizedCost"]),
    "Environments": (spec, ["Family", "Factor"]),
    "Data": (store, ["ShardStore"]),
    "Training": (train, ["train"]),
    "The loss": (module, ["DynamicsModule"]),
    "Evaluation": (manifest, ["EvaluationManifest"]),
    "Configuration": (config, ["compose"]),
    "stable-worldmodel": (stable_worldmodel, ["CostModel"]),
    "Errors": (errors, ["HyperdynError", "ConfigError", "ShapeError", "ShardError", "EnvError", "CheckpointError"]),
}
"""Heading, module and names beside the public ones."""

ITEM = re.compile(r"^(\w+(?:, \w+)*): (.*)$")


def reference() -> str:
    """The page."""
    text = (
        "# Reference\n\n`import hyperdyn` offers these. None is imported before it is asked for, nor torch with it.\n\n"
    )
    text += "".join(entry(f"hyperdyn.{name}", getattr(hyperdyn, name)) for name in TOP)
    for heading, (where, names) in MORE.items():
        text += f"## {heading}\n\n" + "".join(
            entry(f"{where.__name__}.{name}", getattr(where, name), "###") for name in names
        )
    return text


def entry(name: str, thing: Any, level: str = "##") -> str:
    """A heading, the signature and what the docstring says; of a class, its public methods too."""
    text = f"{level} {name.rpartition('.')[2]}\n\n```python\n{signature(name, thing)}\n```\n\n{markdown(thing)}\n"
    if inspect.isclass(thing):
        for inner, method in vars(thing).items():
            call = getattr(method, "__func__", method)
            if inspect.isfunction(call) and not inner.startswith("_") and call.__doc__:
                text += f"**{inner}**\n\n```python\n{signature(f'{thing.__name__}.{inner}', call)}\n```\n\n"
                text += f"{markdown(call)}\n"
    return text


def signature(name: str, thing: Callable[..., Any]) -> str:
    """One line, or one argument a line where that would be long."""
    try:
        found = inspect.signature(thing)
    except (TypeError, ValueError):
        return name
    line = plain(f"{name}{found}")
    if len(line) <= 100 or not found.parameters:
        return line
    starred = [str(p) for p in found.parameters.values()]
    kinds = [p.kind for p in found.parameters.values()]
    if inspect.Parameter.KEYWORD_ONLY in kinds:
        starred.insert(kinds.index(inspect.Parameter.KEYWORD_ONLY), "*")
    after = "" if found.return_annotation is found.empty else f" -> {found.return_annotation}"
    return plain(f"{name}(\n" + "".join(f"    {p},\n" for p in starred) + f"){after}")


def plain(text: str) -> str:
    """Annotations without the quotation marks of postponed ones."""
    return re.sub(r"(: |-> )'([^']*)'", r"\1\2", text)


def markdown(thing: Any) -> str:
    """A docstring: indented paragraphs are code, `name: what it is` lines a list, sections bold."""
    doc = inspect.getdoc(thing) or ""
    if is_dataclass(thing) and doc.startswith(f"{thing.__name__}("):
        doc = ""  # the one that dataclasses make
    return "".join(paragraph(lines.split("\n")) for lines in re.split(r"\n\s*\n", doc) if lines.strip())


def paragraph(lines: list[str]) -> str:
    if all(line.startswith("    ") or line.startswith(">>>") or line.startswith("...") for line in lines) or lines[
        0
    ].startswith(">>>"):
        body = inspect.cleandoc("\n".join(lines)) if lines[0].startswith("    ") else "\n".join(lines)
        return f"```{'python' if '>>>' in body else 'text'}\n{body}\n```\n\n"
    if re.fullmatch(r"(Raises|Args|Returns):", lines[0].strip()):
        rest = inspect.cleandoc("\n".join(lines[1:])).split("\n")
        return f"*{lines[0].strip(' :')}:*\n\n" + paragraph(rest)
    if ITEM.match(lines[0]):
        text = ""
        for line in lines:
            item = ITEM.match(line)
            text += f"- `{item[1]}`: {escaped(item[2])}\n" if item else f"  {escaped(line.strip())}\n"
        return text + "\n"
    if lines[0].startswith("===="):  # a table of the vocabulary
        return "```text\n" + "\n".join(lines) + "\n```\n\n"
    return "\n".join(escaped(line.strip()) for line in lines) + "\n\n"


def escaped(text: str) -> str:
    """Markdown that shows these words: stars and angles outside of backquotes are no markup."""
    return "".join(
        part if i % 2 else re.sub(r"([*<\[\]|])", r"\\\1", part) for i, part in enumerate(re.split(r"(`[^`]*`)", text))
    )
