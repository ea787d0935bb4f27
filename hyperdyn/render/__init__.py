"""Episodes as moving pictures: rendered by MuJoCo where there is OpenGL, drawn where there is none."""

from hyperdyn.render.video import Clip, gif, save_gif, side_by_side

__all__ = ["Clip", "gif", "save_gif", "side_by_side"]
