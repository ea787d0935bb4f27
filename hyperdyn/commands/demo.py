"""`hyperdyn demo`: the main job, small. Collect, train two methods, evaluate and plan with both, show what came out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path

from omegaconf import DictConfig, OmegaConf

from hyperdyn import build
from hyperdyn.checkpoint import CHECKPOINTS, LAST, load, read_checkpoint
from hyperdyn.commands import evaluate, plan, report
from hyperdyn.commands import train as training
from hyperdyn.commands.beside import beside
from hyperdyn.config import compose
from hyperdyn.errors import ConfigError
from hyperdyn.evaluate.manifest import EvaluationManifest
from hyperdyn.evaluate.planning import planning_episodes
from hyperdyn.evaluate.results import RESULTS, Results
from hyperdyn.render import Clip, save_gif, side_by_side
from hyperdyn.workers import cores, threads

DONE = ".done"
"""Folder of a demo in which each finished stage leaves an empty file of its name."""


def run(cfg: DictConfig) -> None:
    """Run the stages that have not finished yet; interrupted anywhere and called again, it continues.

    The run folder is that of the first of `cfg.methods`; the others have theirs inside it.
    """
    root = Path(cfg.run_dir)
    _same_as_before(root, cfg)
    folders = {m: root if i == 0 else root / m for i, m in enumerate(cfg.methods)}
    trainings = {m: _training(cfg, m, f) for m, f in folders.items()}
    _once(root, "collect", lambda: training.fill(compose("train", trainings[cfg.methods[0]])))
    _once(root, "train", lambda: _train(trainings))
    runs = f"runs=[{','.join(map(str, folders.values()))}]"
    _once(root, "evaluate", lambda: evaluate.run(compose("evaluate", [runs, *cfg.evaluate])))
    _once(root, "plan", lambda: plan.run(compose("plan", [runs, *cfg.plan])))
    _once(root, "video", lambda: _video(cfg, folders))
    report.run(compose("report", [runs]))


def _same_as_before(root: Path, cfg: DictConfig) -> None:
    """Raises ConfigError if the folder is of a demo with another configuration."""
    file = root / DONE / "config.yaml"
    if not file.is_file():
        file.parent.mkdir(parents=True, exist_ok=True)
        OmegaConf.save(cfg, file, resolve=True)
    elif OmegaConf.load(file) != OmegaConf.create(OmegaConf.to_container(cfg, resolve=True)):
        raise ConfigError(
            f"'{root}' is of a demo with another configuration",
            got=f"what {file} differs from",
            fix=f"name=ANOTHER for a new one, or delete {root}",
        )


def _once(root: Path, stage: str, work: Callable[[], object]) -> None:
    mark = root / DONE / stage
    if mark.exists():
        print(f"{stage}: done before")
        return
    print(f"--- {stage} ---", flush=True)
    work()
    mark.touch()


def _training(cfg: DictConfig, method: str, folder: Path) -> list[str]:
    """Overrides of `hyperdyn train` for one method: the others differ in nothing but the model."""
    chosen = [f"env={cfg.env.name}", f"model={method}", f"run_dir={folder}", f"name={cfg.name}-{method}"]
    return [*cfg.train, *chosen, f"data_dir={cfg.data_dir}", f"seed={cfg.seed}", "ckpt=last"]


def _train(trainings: Mapping[str, list[str]]) -> None:
    """Train what is not trained yet, all at once: the first here, for its progress to be seen, the others beside it.

    Raises:
        HyperdynError: a training beside this one failed.
    """
    configs = {method: compose("train", overrides) for method, overrides in trainings.items()}
    todo = {method: full for method, full in configs.items() if not _trained(full)}
    share = max(1, cores() // max(1, len(todo)))
    with ExitStack() as others:
        waits = []
        for method, full in list(todo.items())[1:]:
            log = Path(full.run_dir) / "train.log"
            waits.append(others.enter_context(beside(["train", *trainings[method]], log, share)))
            print(f"{method} trains at the same time, its progress goes to {log}", flush=True)
        for full in list(todo.values())[:1]:
            with threads(share):
                training.run(full)
        for wait in waits:
            wait()


def _trained(full: DictConfig) -> bool:
    last = Path(full.run_dir) / CHECKPOINTS / LAST
    return last.is_file() and read_checkpoint(last)["global_step"] >= full.trainer.max_steps


def _video(cfg: DictConfig, folders: dict[str, Path]) -> None:
    """One unseen system under every method, last to first: what does not adapt beside what does.

    It is the system on which the first method's return is the median of those planned on.
    """
    family = build.family(cfg.env)
    settings = compose("plan", ["runs=none", *cfg.plan])
    factors, starts = EvaluationManifest.of(family).systems(settings.splits[0], settings.systems)
    score = next(s for s in Results.load(Path(cfg.run_dir) / RESULTS).planning if s.method == cfg.methods[0])
    i = sorted(range(settings.systems), key=lambda k: score.per_system[k])[settings.systems // 2]
    task = plan.task_of(settings, family, build.construct(settings.planner), factors[[i]], starts[i : i + 1])
    clips = []
    for method, folder in reversed(folders.items()):
        (episode,) = planning_episodes(
            task, load(folder), history=settings.history, progress=f"film {method}", foresee=True
        )
        clips.append(Clip.of(method, episode))
    film = side_by_side(task.family, factors[i], clips)
    path = Path(cfg.run_dir) / "videos" / "unseen.gif"
    path.parent.mkdir(parents=True, exist_ok=True)
    save_gif(film, path)
