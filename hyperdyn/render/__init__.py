"""Episodes as moving pictures: rendered by MuJoCo where there is OpenGL, drawn where there is none."""

from hyperdyn.render.panel import Clip, Film
from hyperdyn.render.video import gif, save_gif, side_by_side

__all__ = ["Clip", "Film", "gif", "save_gif", "side_by_side"]
