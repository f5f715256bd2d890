"""How far off the predicted KL divergence is, over all updates: a distribution rather than a curve."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from matplotlib.figure import Figure

from analysis.figures_panel import empty_figure, legend_below, line_handles, looks_of, say, tidy
from analysis.kl_of_updates import kl_of_updates
from analysis.load import Setting
from analysis.paper.figures.model import PaperFigure
from analysis.statistics.curves import Band

BAND: Band = "range"
SPAN = 100.0
POINTS = 200


def kl_ratio_figure(figure: PaperFigure, settings: Sequence[Setting]) -> Figure | None:
    """Fraction of updates whose exact KL divergence is at most a multiple of the predicted one.

    A line is the mean over finished seeds, every seed with the same weight. None where no finished run
    logged both.
    """
    multiples = np.geomspace(1 / SPAN, SPAN, POINTS)
    fractions = {
        (panel.env_id, setting.name): rows
        for panel in figure.panels
        for setting in panel.of(settings)
        if len(rows := _fractions(setting, multiples, panel.timesteps))
    }
    if not fractions:
        return None
    looks = looks_of(name for _, name in fractions)
    drawing = empty_figure(4.0 * len(figure.panels), 3.6)
    for axes, panel in zip(
        drawing.subplots(1, len(figure.panels), squeeze=False)[0], figure.panels, strict=True
    ):
        here = {name: rows for (env_id, name), rows in fractions.items() if env_id == panel.env_id}
        for name, rows in here.items():
            axes.plot(multiples, rows.mean(axis=0), lw=1.8, **looks[name].options)
            if len(rows) > 1:
                low, high = rows.min(axis=0), rows.max(axis=0)
                axes.fill_between(multiples, low, high, color=looks[name].colour, alpha=0.18, lw=0)
        if not here:
            say(axes, "no runs")
        axes.axvline(1.0, color="#555555", linestyle="--", lw=1.0, zorder=1)
        tidy(axes, "hours")
        axes.set_xscale("log")
        axes.set_xlim(1 / SPAN, SPAN)
        axes.set_ylim(-0.02, 1.02)
        axes.set_xlabel("x = exact / predicted KL divergence")
        axes.set_title(panel.title, fontsize=10)
        if panel is figure.panels[0]:
            axes.set_ylabel("fraction of updates at most x")
    legend_below(drawing, line_handles(settings, looks, BAND))
    return drawing


def _fractions(setting: Setting, multiples: npt.NDArray[np.float64], until: float) -> npt.NDArray[np.float64]:
    """``[seeds, multiples]`` of finished seeds that logged an update with a positive prediction."""
    rows = []
    for run in setting.done:
        kl = kl_of_updates(run, setting.hyperparameters.get("delta"), until)
        possible = kl.predicted.returns > 0
        if possible.any():
            ratios = np.sort(kl.exact.returns[possible] / kl.predicted.returns[possible])
            rows.append(np.searchsorted(ratios, multiples, side="right") / len(ratios))
    return np.array(rows).reshape(len(rows), len(multiples))
