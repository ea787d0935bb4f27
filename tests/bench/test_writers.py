"""Markdown, LaTeX, and figures of many methods."""

from __future__ import annotations

import re

import numpy as np

from hyperdyn.figures.heatmap import error_map, shaded
from hyperdyn.figures.style import looks
from hyperdyn.report.latex import escaped, latex
from hyperdyn.report.markdown import markdown
from hyperdyn.report.table import Table

TABLE = Table(
    "A & B", ("method", "100 %"), (("hyper_mean_pool", "[1, 2] | 3"), ("x^2 {~}", "$\\#")), "note_1", ((1,), ())
)


def test_latex_sets_every_special_character_literally() -> None:
    text = latex(TABLE, "tab:a")
    assert r"hyper\_mean\_pool & \textbf{{[}1, 2{]} | 3} \\" in text
    assert r"x\textasciicircum{}2 \{\textasciitilde{}\} & \$\textbackslash{}\# \\" in text
    assert r"\caption{A \& B. note\_1}" in text
    assert not re.search(r"(?<!\\)[%#$_^~]", escaped("%#$_^~"))
    assert text.count(r"\begin") == text.count(r"\end") == 2


def test_a_bar_in_a_markdown_cell_ends_no_cell() -> None:
    lines = markdown(TABLE).splitlines()
    assert r"| hyper_mean_pool | **[1, 2] \| 3** |" in lines
    assert len({len(re.findall(r"(?<!\\)\|", line)) for line in lines if line.startswith("|")}) == 1


def test_eighteen_methods_look_different_without_hue() -> None:
    methods = ["hyper", "fixed", "oracle", *(f"m{i}" for i in range(15))]
    found = looks(methods)
    assert len({look.colour for look in found.values()}) == 18
    shapes = [(look.dashes, look.marker) for look in found.values()]
    assert max(shapes.count(s) for s in shapes) <= 2


def test_a_map_shows_the_error_of_the_nearest_systems() -> None:
    places = np.array([[0.0, 0], [0, 0.1], [0.1, 0], [1, 1], [1, 0.9], [0.9, 1]])
    errors = np.array([1.0, 2, 2, 5, 5, 5])
    found = shaded(places, errors, np.array([[0.0, 0.0], [1.0, 1.0], [0.5, 0.5]]))
    np.testing.assert_allclose(found, [np.sqrt(3), 5, np.nan])  # of what is far from all, nothing is known


def test_a_panel_a_method_and_a_box_a_piece_of_the_training_range() -> None:
    rng = np.random.default_rng(0)
    places, boxes = rng.uniform(0.5, 2, (20, 2)), [(np.array([0.6, 1.0]), np.array([0.7, 1.5]))]
    errors = {m: rng.uniform(0.1, 1, 20) for m in "abcde"} | {"diverged": np.full(20, np.inf)}
    figure = error_map(places, errors, ("tilt [deg]", "mass [1]"), boxes, log=(False, True), heading="h")
    panels = [ax for ax in figure.axes if ax.get_title(loc="left")]
    assert [ax.get_title(loc="left") for ax in panels] == list(errors)
    box = panels[0].patches[0]
    assert (box.get_x(), box.get_y(), box.get_width(), box.get_height()) == (0.6, 0.7, 0.4, 0.8)
    figure.draw_without_rendering()
