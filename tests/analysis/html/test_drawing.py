"""Figures as inline SVG, and the runs' small curves."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from analysis.html.curves import POINTS, SIZE, Frame, svg_path
from analysis.html.figures import inline_svg
from analysis.statistics.curves import Curve


def drawn(picture: bool = False) -> Figure:
    figure = Figure(figsize=(4, 3))
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    axes.plot([0, 1], [0, 1 / 3], color="#0072B2", label='<script id="x">')
    axes.legend()
    if picture:
        axes.imshow(np.eye(2))
    return figure


def test_a_figure_takes_its_colours_from_the_theme() -> None:
    svg = inline_svg(drawn(), "one", 'a "name"')
    assert "stroke: var(--c-0072b2, #0072b2)" in svg
    assert not re.search(r"(fill|stroke): #", svg)
    assert 'class="themed"' in svg
    assert 'aria-label="a &quot;name&quot;"' in svg
    assert "&lt;script id=" in svg
    assert "DejaVu" not in svg
    assert "xmlns" not in svg
    assert "<metadata" not in svg


def test_a_figure_with_a_picture_keeps_its_colours_on_paper() -> None:
    svg = inline_svg(drawn(picture=True), "one", "a name")
    assert 'class="paper"' in svg
    assert "--c-" not in svg
    assert re.search(r'<image [^>]*href="data:image/png', svg)


def test_two_figures_share_no_id_and_refer_to_their_own() -> None:
    first, second = (ElementTree.fromstring(inline_svg(drawn(), name, name)) for name in ("f-1", "f-2"))
    ids = [{element.get("id") for element in root.iter()} - {None} for root in (first, second)]
    assert ids[0].isdisjoint(ids[1])
    for root, own in zip((first, second), ids, strict=True):
        text = ElementTree.tostring(root, encoding="unicode")
        used = set(re.findall(r'(?:url\(#|href="#)([^)"]+)', text))
        assert used
        assert used <= own


def points(path: str) -> list[tuple[float, float]]:
    return [(float(x), float(y)) for x, y in (pair.split() for pair in path.removeprefix("M").split("L"))]


def test_a_curve_fills_its_frame() -> None:
    curve = Curve(np.array([0.0, 50.0, 100.0]), np.array([-1.0, 3.0, 1.0]))
    assert points(svg_path(curve, Frame(200.0, -1.0, 3.0))) == [(0, SIZE[1]), (250, 0), (500, SIZE[1] / 2)]


@pytest.mark.parametrize("count", [0, 1])
def test_a_curve_of_hardly_a_point(count: int) -> None:
    curve = Curve(np.full(count, 10.0), np.full(count, 5.0))
    path = svg_path(curve, Frame(10.0, 5.0, 5.0))
    assert path == ("" if count == 0 else "M1000 100.0L1000 100.0")


@given(st.integers(1, 5000), st.integers(0, 2**32 - 1))
def test_a_long_curve_has_few_points_its_ends_among_them(count: int, seed: int) -> None:
    generator = np.random.default_rng(seed)
    timesteps = np.cumsum(generator.integers(1, 9, count)).astype(float)
    returns = generator.normal(size=count)
    frame = Frame(timesteps[-1], returns.min(), returns.max())
    found = points(svg_path(Curve(timesteps, returns), frame))
    assert len(found) <= POINTS
    assert found[-1][0] == SIZE[0]
    assert found[-1][1] == pytest.approx(frame.height(returns[-1]), abs=0.06)
    assert all(0 <= x <= SIZE[0] and 0 <= y <= SIZE[1] for x, y in found)
    assert [x for x, _ in found] == sorted(x for x, _ in found)
