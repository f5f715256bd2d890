"""The paper's figures drawn from runs, in its layout."""

from __future__ import annotations

import math
from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analysis.curve_axes import AXIS_LABELS
from analysis.figures_panel import (
    LineLook,
    draw_settings,
    empty_figure,
    legend_below,
    line_handles,
    looks_of,
    note,
    tidy,
)
from analysis.load import Setting
from analysis.paper.figures.catalogue import find_figure
from analysis.paper.figures.kl import draw_kl
from analysis.paper.figures.model import Panel, PaperFigure
from analysis.paper.figures.public import draw_published, published_handles
from analysis.paper.figures.selection import shown_settings
from analysis.paper.figures.titles import title_lines
from analysis.statistics.curves import Band

PANEL_SIZE = (3.6, 2.7)
BAND: Band = "std"


def draw(figure_id: str, settings: Sequence[Setting]) -> Figure:
    """Draw one of the paper's figures.

    Every panel of the paper is there: one whose runs are missing says "no runs". Lines are means over
    finished seeds, bands one standard deviation as in the paper, unfinished seeds thin lines as far as they
    went. Nothing is drawn beyond the paper's budget; a smaller one stands in the title line.

    Args:
        figure_id: ``figure1`` to ``figure9``.
        settings: of the sweeps that the figure needs, in any tier; others are ignored.

    Returns:
        A figure on the Agg canvas; :func:`analysis.figures.save_figure` writes it.

    Raises:
        ValueError: no figure has this id.
    """
    figure = find_figure(figure_id)
    shown = shown_settings(figure, settings)
    if figure.content == "kl":
        return draw_kl(figure, shown)
    looks = looks_of(setting.name for setting in shown)
    rows = math.ceil(len(figure.panels) / figure.columns)
    width, height = PANEL_SIZE
    drawing = empty_figure(width * figure.columns, height * rows + 0.6)
    drawing.suptitle("\n".join(title_lines(figure, shown)), fontsize=10)
    places = drawing.subplots(rows, figure.columns, squeeze=False).ravel()
    drawn = set()
    for number, axes in enumerate(places):
        if number >= len(figure.panels):
            axes.remove()
            continue
        panel = figure.panels[number]
        if _draw_panel(axes, figure, panel, shown, looks):
            drawn.add(panel.env_id)
        _label(axes, figure, number)
    legend_below(drawing, line_handles(shown, looks, BAND) + published_handles(drawn, figure.public))
    return drawing


def _draw_panel(
    axes: Axes,
    figure: PaperFigure,
    panel: Panel,
    settings: Sequence[Setting],
    looks: dict[str, LineLook],
) -> bool:
    """Whether there was anything to draw."""
    here = panel.of(settings)
    until = min(panel.timesteps, max((s.n_timesteps for s in here), default=panel.timesteps))
    reached = draw_settings(axes, here, looks, band=BAND, window=panel.window, axis=panel.axis, until=until)
    lacking = [algo for algo in panel.algos if algo not in {setting.algo for setting in here}]
    if here and lacking:
        note(axes, [f"no runs of {', '.join(lacking)}"], above=True)
    drawn = len(axes.lines) > 0
    if drawn:
        draw_published(axes, panel.env_id, figure.public, until)
    tidy(axes, panel.axis, until if panel.axis == "timesteps" else reached)
    if not drawn:
        axes.set_yticks([])
        if panel.axis != "timesteps":  # how far it would go is not known
            axes.set_xticks([])
    axes.set_title(panel.title, fontsize=10)
    return drawn


def _label(axes: Axes, figure: PaperFigure, number: int) -> None:
    """Axis labels where the panel to the left, or the one below, does not say the same."""
    panel = figure.panels[number]
    left = figure.panels[number - 1] if number % figure.columns else None
    below = figure.panels[number + figure.columns : number + figure.columns + 1]
    if left is None or left.window != panel.window:
        axes.set_ylabel(f"return (last {panel.window} episodes)")
    if not below or below[0].axis != panel.axis:
        axes.set_xlabel(AXIS_LABELS[panel.axis])
