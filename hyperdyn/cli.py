"""`hyperdyn COMMAND [key=value ...]`."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from importlib import import_module
from typing import TYPE_CHECKING, Any

from hyperdyn import __version__
from hyperdyn.errors import INTERRUPTED, PREEMPTED, ConfigError, HyperdynError, nearest

if TYPE_CHECKING:
    from omegaconf import DictConfig


@dataclass(frozen=True)
class Command:
    """One command: hyperdyn.commands.<name>.run(cfg), with conf/<name>.yaml.

    positional: the key that bare arguments set, as in `hyperdyn verify data/cheetah_mix`; of two keys, one each.
    many: any number of bare arguments, to one key.
    resume: overrides that make a second call continue an interrupted first.
    option: a flag with a value, and the key that it sets: `--checkpoint RUN` is `run=RUN`.
    """

    about: str
    example: str
    positional: str | None = None
    many: bool = False
    resume: str = ""
    option: tuple[str, str] | None = None


COMMANDS = {
    "collect": Command("simulate many systems of a family and store their trajectories", "env=cheetah_mix"),
    "train": Command("train one method on one family", "env=cheetah_mix model=hyper", resume="ckpt=last"),
    "evaluate": Command("error of its predictions on systems never seen", "runs/cheetah_mix-hyper", "runs", many=True),
    "change": Command(
        "error before and after a motor dies, and steps until it has adapted", "runs/cheetah_mix-hyper", "runs", True
    ),
    "plan": Command("what acting through its experts returns, on such systems", "runs/cheetah_mix-hyper", "runs", True),
    "adapt": Command(
        "a robot's own log to an expert, and how well it predicts",
        "runs/pendulum-hyper log.csv",
        "run log",
        option=("--checkpoint", "run"),
    ),
    "export": Command(
        "an expert or a model as files that run elsewhere",
        "runs/pendulum-hyper out=deploy",
        "run",
        option=("--checkpoint", "run"),
    ),
    "import-minari": Command("a Minari dataset to shards", "minari:cheetah/mix-v0 data_dir=data/again", "dataset"),
    "export-minari": Command("shards to a Minari dataset", "data/cheetah_mix dataset=cheetah/mix-v0", "data_dir"),
    "report": Command("one HTML file of tables and figures", "runs/cheetah_mix-*", "runs", many=True),
    "bench": Command("methods x families x seeds of a suite, resumable, to one table", "suite=small workers=2"),
    "bench-check": Command(
        "check that published results are whole and on the frozen systems", "results/small/*.json", "files", many=True
    ),
    "check-env": Command("every fault of an environment: got, expected, fix", "cheetah_mix", "env"),
    "verify": Command("check stored trajectories, name and mend what is damaged", "data/cheetah_mix", "data_dir"),
    "doctor": Command("check this machine and print what to paste where something is missing", ""),
    "demo": Command("all of it, small, in about 9 minutes", ""),
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command line; the exit code."""
    args = _with_folder(sys.argv[1:] if argv is None else argv)
    debug = os.environ.get("HYPERDYN_DEBUG", "0") not in ("", "0")
    try:
        return _dispatch(args)
    except BaseException as error:
        if _interrupted(error):
            _say(f"\nstopped. To continue: {_again(args)}")
            return INTERRUPTED
        if isinstance(error, SystemExit) and error.code == PREEMPTED:
            _say(f"\nstopped by SIGTERM. To continue: {_again(args)}")
            return PREEMPTED
        known = _known(error)
        if known is None or debug:
            raise
        print(f"error: {known}", file=sys.stderr)
        return 1


def _dispatch(args: list[str]) -> int:
    from hyperdyn import helptext

    if not args or args[0] in ("-h", "--help", "help"):
        print(helptext.overview(COMMANDS))
        return 0
    if args[0] == "--version":
        print(f"hyperdyn {__version__}")
        return 0
    name, rest = args[0], args[1:]
    if name not in COMMANDS:
        raise ConfigError(f"there is no command '{name}'", fix=nearest(name, COMMANDS))
    flags, overrides = _split(COMMANDS[name], rest)
    if flags & {"-h", "--help"}:
        print(helptext.command(name, COMMANDS[name], overrides))
        return 0
    if name == "doctor":
        return int(import_module("hyperdyn.doctor").main())
    from hyperdyn import config

    if flags & {"-m", "--multirun"}:
        _check_complete(name, config.check_sweep(name, overrides))
        config.sweep(name, overrides, _function(name))
        return 0
    cfg = config.compose(name, overrides)
    _check_complete(name, cfg)
    _function(name)(cfg)
    return 0


def _with_folder(args: Sequence[str]) -> list[str]:
    """The arguments; of a sweep also its folder, so that the same can be typed again to continue it."""
    if not {"-m", "--multirun"} & set(args) or any("hydra.sweep.dir=" in a for a in args):
        return list(args)
    return [*args, f"hydra.sweep.dir=runs/sweep-{datetime.now():%Y-%m-%d_%H-%M-%S}"]


def _function(name: str) -> Callable[[DictConfig], Any]:
    run: Callable[[DictConfig], Any] = import_module(f"hyperdyn.commands.{name.replace('-', '_')}").run
    return run


def _split(command: Command, args: Sequence[str]) -> tuple[set[str], list[str]]:
    """Flags, and overrides with bare arguments turned into one."""
    args, named = _without_option(command, args)
    flags = {a for a in args if a.startswith("-")}
    if unknown := flags - {"-h", "--help", "-m", "--multirun"}:
        raise ConfigError(
            f"there is no option {min(unknown)}",
            expected="--help, --multirun, or KEY=VALUE",
            fix="seed=1, not --seed 1",
        )
    overrides = [a for a in args if not a.startswith("-")]
    bare = [a for a in overrides if ("=" not in a and not a.startswith("~")) or os.path.exists(a)]
    keys = [key for key in (command.positional or "").split() if key not in named]
    if bare and keys and (command.many or len(bare) <= len(keys)):
        quoted = [_quoted(a) for a in bare]
        overrides = [a for a in overrides if a not in bare]
        if command.many:
            overrides.append(f"{keys[0]}=[{','.join(quoted)}]")
        else:
            overrides += [f"{key}={value}" for key, value in zip(keys, quoted, strict=False)]
    return flags, overrides + [f"{key}={_quoted(value)}" for key, value in named.items()]


def _without_option(command: Command, args: Sequence[str]) -> tuple[list[str], dict[str, str]]:
    """The arguments without the flag that takes a value, and its key with that value."""
    rest, named = list(args), dict[str, str]()
    if command.option is None:
        return rest, named
    flag, key = command.option
    for i, arg in enumerate(rest):
        name, equals, value = arg.partition("=")
        if name == flag:
            found = [value] if equals else rest[i + 1 : i + 2]
            if not found or found[0].startswith("-"):
                raise ConfigError(f"{flag} needs a value", got="nothing", fix=f"{flag} {key.upper()}")
            del rest[i : i + (1 if equals else 2)]
            return rest, {key: found[0]}
    return rest, named


def _quoted(text: str) -> str:
    """As Hydra reads it back whole."""
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def _check_complete(name: str, cfg: DictConfig) -> None:
    from omegaconf import OmegaConf
    from omegaconf.errors import OmegaConfBaseException

    try:
        missing = sorted(OmegaConf.missing_keys(cfg))
        if not missing:
            OmegaConf.to_container(cfg, resolve=True)
    except OmegaConfBaseException as error:
        raise ConfigError("the configuration refers to what is not there", got=str(error).splitlines()[0]) from error
    if missing:
        example = f"hyperdyn {name} {COMMANDS[name].example}"
        raise ConfigError(
            f"'{name}' needs {', '.join(missing)}",
            got="nothing",
            expected=_options(missing),
            fix=f"for example: {example}",
        )


def _options(keys: Sequence[str]) -> str | None:
    """What there is to choose from, where one of the keys is a group."""
    from hyperdyn import config, diagnose

    with config.session():
        found = [", ".join(diagnose.options(key)) for key in keys if key in diagnose.GROUPS]
    return f"one of {found[0]}, or the path of a YAML file" if found else None


def _known(error: BaseException | None) -> HyperdynError | None:
    """The error for a user behind an exception: a constructor that Hydra calls may have raised it."""
    while error is not None:
        if isinstance(error, HyperdynError):
            return error
        error = error.__cause__
    return None


def _interrupted(error: BaseException | None) -> bool:
    """Whether Ctrl-C is behind an exception; Lightning turns it into an exit."""
    if isinstance(error, SystemExit):
        error = error.__context__
    return isinstance(error, KeyboardInterrupt)


def _say(text: str) -> None:
    """What every process of a run would say, from the first alone. Where Lightning is not loaded there is but one."""
    ranks = sys.modules.get("lightning.fabric.utilities.rank_zero")
    if ranks is None or ranks.rank_zero_only.rank == 0:
        print(text, file=sys.stderr)


def _again(args: Sequence[str]) -> str:
    import shlex

    more = COMMANDS[args[0]].resume if args and args[0] in COMMANDS else ""
    return shlex.join(["hyperdyn", *args, *([more] if more and more not in args else [])])
