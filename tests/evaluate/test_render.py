"""Videos show the episodes that they were given."""

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from gymnasium.error import DependencyNotInstalled
from PIL import Image

from hyperdyn import envs
from hyperdyn.envs.spec import Family
from hyperdyn.errors import ConfigError, EnvError
from hyperdyn.render import Clip, Film, gif, opengl, save_gif, side_by_side, video
from hyperdyn.render.skeleton import SideView


def clip(label: str, steps: int = 6) -> tuple[Family, np.ndarray, Clip]:
    family = envs.load("pendulum")
    angles = np.linspace(0.0, 1.0, steps + 1)
    return family, family.nominal, Clip(label, np.stack([angles, np.ones_like(angles)], axis=-1), np.ones(steps))


def test_panels_stand_side_by_side_and_the_shorter_waits() -> None:
    family, factors, long = clip("fixed", 6)
    _, _, short = clip("hyper", 3)
    frames = side_by_side(family, factors, [long, short], renderer="skeleton").frames
    assert len(frames) == 7
    assert frames[0].size == (2 * video.WIDTH + video.GAP, video.HEIGHT + video.BANNER)

    def half(t: int, right: bool) -> bytes:
        left = video.WIDTH + video.GAP if right else 0
        return frames[t].crop((left, video.BANNER, left + video.WIDTH, frames[t].size[1])).tobytes()

    assert half(3, right=True) == half(6, right=True)
    assert half(3, right=False) != half(6, right=False)


def test_a_gif_keeps_every_frame_and_the_speed_of_the_family(tmp_path: Path) -> None:
    family, factors, episode = clip("hyper")
    data = save_gif(side_by_side(family, factors, [episode], renderer="skeleton"), tmp_path / "deep" / "a.gif")
    assert (tmp_path / "deep" / "a.gif").read_bytes() == data
    with Image.open(io.BytesIO(data)) as image:
        assert image.n_frames == 7  # type: ignore[attr-defined]
        assert image.info["duration"] == 50
        assert image.info["loop"] == 0


def test_still_pictures_stay_pictures_of_their_own() -> None:
    still = [Image.new("RGB", (20, 20), "white")] * 4
    with Image.open(io.BytesIO(gif(Film(still, [0.05] * 4)))) as image:
        total = sum((image.seek(i), image.info["duration"])[1] for i in range(image.n_frames))  # type: ignore[attr-defined]
    assert total == 3 * 50 + 1000


def test_a_body_is_drawn_in_its_colour_where_its_segments_are() -> None:
    family = envs.load("cheetah_mix")
    simulator = family.simulate(family.nominal[None])
    state = simulator.reset([0])[0]
    moved = state.copy()
    moved[0] += 3.0  # the camera goes along
    view = SideView(simulator, 0, np.stack([state] * 30 + [moved] * 30), height=120, width=160)
    red = (200, 30, 30)
    first, last = (np.asarray(view.frame(t, red)).astype(int) for t in (0, 59))
    body = (np.abs(first - red).sum(-1) < 30).nonzero()
    assert len(body[0]) > 100
    assert 40 < body[1].mean() < 120
    np.testing.assert_allclose(body[1].mean(), (np.abs(last - red).sum(-1) < 30).nonzero()[1].mean(), atol=3)


def test_drawings_take_the_place_of_a_renderer_that_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    family, factors, episode = clip("hyper", 2)
    monkeypatch.setattr(video, "rendered", lambda *args: None)
    drawn = side_by_side(family, factors, [episode], renderer="auto")
    expected = side_by_side(family, factors, [episode], renderer="skeleton")
    assert [f.tobytes() for f in drawn.frames] == [f.tobytes() for f in expected.frames]
    with pytest.raises(ConfigError, match="hyperdyn doctor"):
        side_by_side(family, factors, [episode], renderer="mujoco")


def test_frames_come_from_another_process_in_the_order_of_the_episodes(monkeypatch: pytest.MonkeyPatch) -> None:
    family, factors, episode = clip("hyper", 2)
    monkeypatch.setenv("MUJOCO_GL", "egl")  # the pendulum draws itself: no OpenGL is asked for
    found = opengl.rendered(family, factors, [episode.states, episode.states[::-1]])
    assert found is not None
    one, other = found
    np.testing.assert_array_equal(one, other[::-1])
    assert one.dtype == np.uint8
    assert len({frame.tobytes() for frame in one}) == 3


def test_a_process_that_dies_is_not_asked_again(monkeypatch: pytest.MonkeyPatch, point_mass: Family) -> None:
    asked = []

    def dying(job: object, items: object, workers: int) -> object:
        asked.append(opengl.os.environ["MUJOCO_GL"])
        raise RuntimeError("gone")

    monkeypatch.delenv("MUJOCO_GL", raising=False)
    monkeypatch.setattr(opengl, "_broken", set())
    monkeypatch.setattr(opengl, "run_jobs", dying)
    for _ in range(2):
        assert opengl.rendered(point_mass, point_mass.nominal, [np.zeros((2, 2))]) is None
    assert asked == ["egl", "osmesa"]
    assert "MUJOCO_GL" not in opengl.os.environ
    with pytest.raises(EnvError, match="cannot be drawn"):
        side_by_side(point_mass, point_mass.nominal, [Clip("m", np.zeros((2, 2)), np.zeros(1))])


def test_a_package_that_an_environment_draws_with_is_named_and_is_no_fault_of_opengl(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fails(error: Exception) -> Callable[..., None]:
        def call(*args: object, **kwargs: object) -> None:
            raise error

        return call

    family, factors, episode = clip("hyper", 2)
    without = DependencyNotInstalled('pygame is not installed, run `pip install "gymnasium[classic_control]"`')
    monkeypatch.setattr(opengl._Job, "_frame", staticmethod(fails(without)))
    monkeypatch.setattr(opengl, "_broken", set())
    monkeypatch.setattr(opengl, "_silence", lambda: None)
    monkeypatch.setattr(opengl, "run_jobs", lambda job, items, workers: map(job, items))
    drawn = side_by_side(family, factors, [episode])
    expected = side_by_side(family, factors, [episode], renderer="skeleton")
    assert [f.tobytes() for f in drawn.frames] == [f.tobytes() for f in expected.frames]
    with pytest.raises(EnvError, match="classic_control"):
        side_by_side(family, factors, [episode], renderer="mujoco")
    monkeypatch.setattr(video, "SideView", fails(EnvError("it has no side view")))
    with pytest.raises(EnvError, match="classic_control"):
        side_by_side(family, factors, [episode])
    assert not opengl._broken
