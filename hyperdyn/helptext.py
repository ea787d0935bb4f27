"""What --help prints."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hyperdyn.cli import Command

WIDTH = 100


def overview(commands: Mapping[str, Command]) -> str:
    """Of `hyperdyn` itself: commands, groups, examples."""
    from hyperdyn import config, diagnose

    with config.session():
        groups = {group: diagnose.options(group) for group in diagnose.GROUPS}
    lines = ["Adaptive dynamics models: an expert for the system at hand, made from a few interactions.", ""]
    lines += ["usage: hyperdyn COMMAND [key=value ...] [--multirun] [--help]", "", "commands:"]
    lines += [f"  {name:<14}{command.about}" for name, command in commands.items()]
    lines += ["", "groups, chosen by group=option:"]
    lines += [_columns(group, ", ".join(found)) for group, found in groups.items() if found]
    lines += ["", "examples:"]
    lines += [
        "  hyperdyn collect env=cheetah_mix systems.train=200 workers=2",
        "  hyperdyn train env=cheetah_mix model=hyper seed=1 trainer.max_steps=5000",
        "  hyperdyn train --multirun model=hyper,fixed seed=0,1,2      # one run for each combination",
        "  hyperdyn evaluate runs/cheetah_mix-hyper runs/cheetah_mix-fixed",
        "  hyperdyn plan runs/cheetah_mix-hyper planner=cem planner.horizon=20",
        "  hyperdyn report runs/cheetah_mix-*",
        "",
        "`hyperdyn COMMAND --help` shows every key of a command; key=value changes one, for it and its help.",
        "`hydra.searchpath=[pkg://package.conf]` adds the options of another package.",
        "HYPERDYN_DEBUG=1 prints the traceback of an error.",
    ]
    return "\n".join(lines)


def command(name: str, about: Command, overrides: Sequence[str]) -> str:
    """Of one command: its groups and its configuration, overrides applied."""
    usage = " ".join(filter(None, [f"hyperdyn {name}", _positional(about), "[key=value ...]"]))
    if name == "doctor":
        return f"hyperdyn doctor: {about.about}\n\nusage: hyperdyn doctor"
    from omegaconf import OmegaConf

    from hyperdyn import config, diagnose

    with config.session():
        full = config.compose_full(name, overrides)
        choices = {g: c for g, c in full.hydra.runtime.choices.items() if "/" not in g}
        groups = {group: diagnose.options(group, overrides) for group in choices if "@" not in group}
        cfg = config.settle(full)
    lines = [f"hyperdyn {name}: {about.about}", "", f"usage:   {usage}", f"example: hyperdyn {name} {about.example}"]
    if about.option:
        flag, key = about.option
        lines.append(f"or:      {flag} {key.upper()} in the place of {key.upper()}")
    if about.resume:
        lines.append(f"again:   {about.resume} continues a run that was interrupted")
    if groups:
        lines += ["", "groups, chosen by group=option (* is chosen):"]
    for group, found in groups.items():
        lines.append(_columns(group, ", ".join(f"{o}*" if o == choices[group] else o for o in found)))
    lines += ["", "configuration, changed by key=value (??? must be given):"]
    lines.append(textwrap.indent(OmegaConf.to_yaml(cfg).rstrip(), "  "))
    return "\n".join(lines)


def _positional(about: Command) -> str:
    if about.positional is None:
        return ""
    if " " in about.positional or about.positional == "env":
        return about.positional.upper()
    return "RUN [RUN ...]" if about.many else "DIR"


def _columns(head: str, text: str) -> str:
    return textwrap.fill(text, WIDTH, initial_indent=f"  {head:<12}", subsequent_indent=" " * 14)
