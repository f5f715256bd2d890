"""Figure 9: the KL divergence that an update made, the one predicted, and the radius."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from analysis.figures_panel import (
    BAND_TEXT,
    LineLook,
    draw_line,
    empty_figure,
    legend_below,
    note,
    say,
    tidy,
)
from analysis.kl_of_updates import kl_of_updates
from analysis.load import Setting
from analysis.paper.figures.model import Panel, PaperFigure
from analysis.paper.figures.titles import title_lines
from analysis.statistics.curves import Band, Curve, MeanCurve

PANEL_SIZE = (5.0, 3.0)
BAND: Band = "range"
LOOKS = {
    "exact": LineLook("#0072B2", "-"),
    "predicted": LineLook("#D55E00", (0, (7, 1.5))),
    "radius": LineLook("#000000", (0, (1, 1))),
}
TEXTS = {
    "exact": "exact KL divergence",
    "predicted": "predicted by the quadratic model",
    "radius": "trust-region radius δ",
}


def draw_kl(figure: PaperFigure, settings: Sequence[Setting]) -> Figure:
    """Draw the KL divergences of the settings' updates: a column per panel of the paper, a row per agent."""
    names = sorted({setting.name for setting in settings}) or [""]
    width, height = PANEL_SIZE
    drawing = empty_figure(width * figure.columns, height * len(names) + 0.6)
    drawing.suptitle("\n".join(title_lines(figure, settings)), fontsize=10)
    places = drawing.subplots(len(names), figure.columns, squeeze=False)
    for row, name in zip(places, names, strict=True):
        for axes, panel in zip(row, figure.panels, strict=True):
            here = [setting for setting in panel.of(settings) if setting.name == name]
            _draw_panel(axes, panel, here)
            axes.set_title(f"{panel.title}: {name}" if name else panel.title, fontsize=10)
        row[0].set_ylabel("KL divergence per update")
    for axes in places[-1]:
        axes.set_xlabel("updates")
    legend_below(drawing, _handles(settings))
    return drawing


def over_common_updates(curves: Sequence[Curve]) -> MeanCurve | None:
    """Mean and range over seeds at the updates that all of them logged; None without any."""
    common = reduce(np.intersect1d, [curve.timesteps for curve in curves]) if curves else np.empty(0)
    if not len(common):
        return None
    values = np.stack([curve.returns[np.isin(curve.timesteps, common)] for curve in curves])
    return MeanCurve(common, values.mean(axis=0), values.min(axis=0), values.max(axis=0), len(curves))


def _draw_panel(axes: Axes, panel: Panel, settings: Sequence[Setting]) -> None:
    notes = [line for setting in settings for line in _draw_setting(axes, panel, setting)]
    if not axes.lines:
        say(axes, "no update to draw" if settings else "no runs")
        axes.set_yticks([])
    elif any((np.asarray(line.get_ydata()) > 0).any() for line in axes.lines):
        axes.set_yscale("log", nonpositive="mask")
    note(axes, notes)
    tidy(axes, "updates", max((float(np.max(line.get_xdata())) for line in axes.lines), default=0.0))


def _draw_setting(axes: Axes, panel: Panel, setting: Setting) -> list[str]:
    """Draw the lines of one agent; returns what is missing, a line per reason."""
    delta = setting.hyperparameters.get("delta")
    runs = [run for run in setting.runs if run.usable]
    read = {run.seed: kl_of_updates(run, delta, panel.timesteps) for run in runs}
    notes = []
    for problem in sorted({kl.problem for kl in read.values() if kl.problem}):
        seeds = [str(seed) for seed, kl in read.items() if kl.problem == problem]
        notes.append(f"{problem}: seed {', '.join(seeds)}")
    logged = [run for run in runs if len(read[run.seed].exact.timesteps)]
    done = [read[run.seed] for run in logged if run.done]
    for name, look in LOOKS.items():
        mean = over_common_updates([getattr(kl, name) for kl in done])
        if mean is None:
            continue
        draw_line(axes, mean.timesteps, mean.mean, look, lw=1.4, zorder=3)
        if mean.seeds > 1 and name != "radius":
            axes.fill_between(mean.timesteps, mean.low, mean.high, color=look.colour, alpha=0.18, lw=0)
    if done and not axes.lines:
        notes.append("seeds without common updates")
    for run in logged:
        if not run.done:
            exact = read[run.seed].exact
            draw_line(axes, exact.timesteps, exact.returns, LOOKS["exact"], lw=0.7, alpha=0.7)
    return notes


def _handles(settings: Sequence[Setting]) -> list[Any]:
    handles: list[Any] = [
        Line2D([], [], lw=1.4, label=TEXTS[name], **look.options) for name, look in LOOKS.items()
    ]
    if any(len(setting.done) > 1 for setting in settings):
        handles.append(Patch(color="#888888", alpha=0.3, lw=0, label=BAND_TEXT[BAND]))
    if any(run.usable and not run.done for setting in settings for run in setting.runs):
        label = "unfinished seed, exact"
        handles.append(Line2D([], [], color=LOOKS["exact"].colour, lw=0.7, label=label))
    return handles
