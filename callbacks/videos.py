"""Videos of the model acting on a system that it was never trained on."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import final

from lightning.pytorch import Trainer
from lightning.pytorch.utilities import rank_zero_warn
from omegaconf import OmegaConf
from PIL import Image
from tensorboard.compat.proto.summary_pb2 import Summary

from hyperdyn.callbacks.evaluation import AbstractEvaluation, board, run_folder, step_of, tag
from hyperdyn.checkpoint import load
from hyperdyn.envs.spec import Family
from hyperdyn.errors import ConfigError, EnvError, at_least, nearest
from hyperdyn.evaluate.earlier import Earlier
from hyperdyn.evaluate.manifest import EvaluationManifest
from hyperdyn.evaluate.planning import planning_episodes
from hyperdyn.evaluate.summary import known_text
from hyperdyn.evaluate.task import Task
from hyperdyn.models.base import AbstractDynamics
from hyperdyn.planning.base import AbstractPlanner
from hyperdyn.render import Clip, save_gif, side_by_side
from hyperdyn.render.video import RENDERERS


@final
class Videos(AbstractEvaluation):
    """A GIF of one system: the expert made from K = history transitions beside another that knows less.

    It goes to the run's `videos`, where it replaces an earlier one, and to TensorBoard as an image: `add_video` writes
    nothing where moviepy 2 is installed. Of a system that cannot be drawn there is a warning instead.

    method: what this model is called.
    beside: run folder or checkpoint of the other model; null is this model without history, K = 0.
    system: number in the family's evaluation manifest.
    history, support: last transitions of the episode, and earlier ones of the system, that the expert is made from.
    renderer: "auto" renders with MuJoCo where there is OpenGL and draws skeletons elsewhere; "mujoco"; "skeleton".
    """

    def __init__(
        self,
        family: Family,
        planner: AbstractPlanner,
        method: str,
        *,
        every_n_steps: int = 0,
        split: str = "interpolation",
        system: int = 0,
        steps: int = 100,
        history: int = 16,
        support: int = 0,
        beside: str | None = None,
        renderer: str = "auto",
    ) -> None:
        super().__init__(every_n_steps)
        at_least(1, self, steps=steps)
        at_least(0, self, system=system, history=history, support=support)
        if renderer not in RENDERERS:
            raise ConfigError("Videos: unknown renderer", got=renderer, fix=nearest(renderer, RENDERERS))
        factors, starts = EvaluationManifest.of(family).systems(split, system + 1)
        task = Task(family, factors[[system]], starts[system:], planner, steps)
        self.task = replace(task, earlier=Earlier.asked(family, support))
        self.ignorant = task
        self.method = method
        self.history = history
        self.beside = beside
        self.renderer = renderer
        self.name = f"{split}_{system}"
        self.tag = tag(split, family.name, f"video_{system}")

    def evaluate(self, trainer: Trainer, model: AbstractDynamics) -> None:
        if not trainer.is_global_zero:
            return
        family, clips = self.task.family, self.clips(model)
        try:
            film = side_by_side(family, self.task.factors[0], clips, renderer=self.renderer)
        except EnvError as error:  # no reason to lose a training
            rank_zero_warn(f"no video of '{family.name}': {error}")
            return
        data = save_gif(film, run_folder(trainer, "videos") / f"{self.name}.gif")
        self._show(trainer, data, film.frames[0])

    def clips(self, model: AbstractDynamics) -> list[Clip]:
        """What the film shows, left to right."""
        if self.beside is None:
            informed = self.history or self.task.support
            clips = [self._clip(f"{self.method} (K = 0)", model, self.ignorant, 0)] if informed else []
        else:
            other = load(self.beside).to(next(model.parameters()).device)
            clips = [self._clip(method_of(self.beside), other, self.task, self.history)]
        known = known_text((self.task.support, self.history))
        return [*clips, self._clip(f"{self.method} ({known})", model, self.task, self.history)]

    @staticmethod
    def _clip(label: str, model: AbstractDynamics, task: Task, history: int) -> Clip:
        (episode,) = planning_episodes(task, model, history=history, foresee=True)
        return Clip.of(label, episode)

    def _show(self, trainer: Trainer, data: bytes, frame: Image.Image) -> None:
        writer = board(trainer)
        if writer is None:
            return
        width, height = frame.size
        image = Summary.Image(height=height, width=width, colorspace=3, encoded_image_string=data)
        summary = Summary(value=[Summary.Value(tag=self.tag, image=image)])
        writer._get_file_writer().add_summary(summary, step_of(trainer))


def method_of(run: str) -> str:
    """What the method of a run folder, or of a checkpoint in one, is called; elsewhere, the name of file or folder."""
    path = Path(run)
    config = (path if path.is_dir() else path.parent.parent) / "config.yaml"
    return str(OmegaConf.load(config).method) if config.is_file() else path.stem
