"""One panel of learning curves and its legend: what every figure of curves is put together from."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import FuncFormatter, MaxNLocator

from analysis.curve_axes import Axis, curve_along
from analysis.formats import timesteps_text
from analysis.load import Run, Setting
from analysis.statistics.curves import Band, Curve, over_seeds

# Okabe and Ito's colour-blind safe palette, neighbours far apart in lightness.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#000000", "#CC79A7", "#56B4E9", "#E69F00")
LINE_STYLES: tuple[Any, ...] = ("-", (0, (7, 1.5)), (0, (1, 1)), (0, (5, 1, 1, 1)), (0, (3, 1, 1, 1, 1, 1)))
MARKERS = ("", "o", "s", "^")
LEGEND_ROW = 0.2  # inches
BAND_TEXT: dict[Band, str] = {
    "range": "lowest to highest seed",
    "std": "± 1 standard deviation over seeds",
}


@dataclass(frozen=True)
class LineLook:
    """How one line is drawn, the same in every panel.

    Attributes:
        colour: in colour.
        style: dash pattern; with the marker, what tells it from the others in grey.
        marker: drawn every tenth of the line, "" for none.
    """

    colour: str
    style: Any
    marker: str = ""

    @property
    def options(self) -> dict[str, Any]:
        """For ``Axes.plot``."""
        marker = {"marker": self.marker, "markersize": 4, "markevery": 0.1} if self.marker else {}
        return {"color": self.colour, "linestyle": self.style, **marker}


def looks_of(names: Iterable[str]) -> dict[str, LineLook]:
    """A look per name, in alphabetical order; twenty of them differ without colour."""
    return {
        name: LineLook(
            COLOURS[i % len(COLOURS)],
            LINE_STYLES[i % len(LINE_STYLES)],
            MARKERS[i // len(LINE_STYLES) % len(MARKERS)],
        )
        for i, name in enumerate(sorted(set(names)))
    }


def draw_line(
    axes: Axes, x: npt.NDArray[np.float64], y: npt.NDArray[np.float64], look: LineLook, **options: Any
) -> None:
    """A line, or a dot where all of it lies at one place."""
    if x[0] < x[-1]:
        axes.plot(x, y, **look.options, **options)
    else:
        axes.plot(x[-1:], y[-1:], color=look.colour, marker=look.marker or ".", linestyle="none", **options)


def empty_figure(width: float, height: float) -> Figure:
    """A figure of that many inches on the Agg canvas, bound to no global pyplot state."""
    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def draw_settings(
    axes: Axes,
    settings: Sequence[Setting],
    looks: Mapping[str, LineLook],
    *,
    band: Band,
    window: int,
    axis: Axis = "timesteps",
    until: float = np.inf,
) -> float:
    """Draw the settings of one environment.

    A line is the mean over finished seeds, drawn only where every one of them has data, with a band from two
    seeds on. A seed that is not finished is a thin line of its own and no part of the mean. A
    setting without a line is named with the reason.

    Args:
        axes: the panel.
        settings: what to draw.
        looks: by the settings' names.
        band: what the shaded band shows.
        window: episodes to smooth over.
        axis: what curves are drawn against.
        until: timesteps at which they end.

    Returns:
        How far the lines go along the axis, 0 without any.
    """
    absent: dict[str, list[str]] = {}
    for setting in settings:
        look = looks[setting.name]
        curves = [curve_along(run, axis, window, until) for run in setting.done]
        mean = over_seeds(curves, band)
        if mean is not None:
            draw_line(axes, mean.timesteps, mean.mean, look, lw=1.8, zorder=3)
            if mean.seeds > 1:
                axes.fill_between(mean.timesteps, mean.low, mean.high, color=look.colour, alpha=0.18, lw=0)
        thin = [curve_along(run, axis, window, until) for run in unfinished(setting)]
        thin = [curve for curve in thin if len(curve.timesteps)]
        for curve in thin:
            draw_line(axes, curve.timesteps, curve.returns, look, lw=0.9, alpha=0.7)
        if mean is None and not thin:
            absent.setdefault(_why_no_line(setting, curves, axis), []).append(setting.name)
    drawn = [float(np.max(line.get_xdata())) for line in axes.lines]
    if not settings:
        say(axes, "no runs")
    elif not drawn:
        say(axes, "\n".join(sorted(absent)))
    else:
        note(axes, [f"{reason}: {', '.join(names)}" for reason, names in absent.items()])
    return max(drawn, default=0.0)


def unfinished(setting: Setting) -> list[Run]:
    """Runs that are drawn as far as they went."""
    return [run for run in setting.runs if run.usable and not run.done and len(run.episodes)]


def say(axes: Axes, text: str) -> None:
    """Write a sentence into the middle of an empty panel."""
    axes.text(0.5, 0.5, text, transform=axes.transAxes, ha="center", va="center")


def note(axes: Axes, lines: Sequence[str], *, above: bool = False) -> None:
    """Write small lines into the lower right corner of a panel, or into the upper left one.

    Curves rise from the lower left to the upper right.
    """
    x, y, side, anchor = (0.01, 0.99, "left", "top") if above else (0.99, 0.01, "right", "bottom")
    small: dict[str, Any] = {"fontsize": 7, "color": "#555555", "ha": side, "va": anchor, "zorder": 4}
    if lines:
        axes.text(x, y, "\n".join(lines), transform=axes.transAxes, **small)


def tidy(axes: Axes, axis: Axis = "timesteps", limit: float = 0.0) -> None:
    """Ticks, grid and frame of a panel whose x axis runs from 0 to ``limit`` (as far as the data for 0)."""
    if limit > 0:
        axes.set_xlim(0, limit)
    axes.xaxis.set_major_locator(MaxNLocator(5, integer=axis != "hours"))
    if axis != "hours":
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: timesteps_text(value)))
    axes.grid(color="#dddddd", lw=0.6)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)


def line_handles(settings: Sequence[Setting], looks: Mapping[str, LineLook], band: Band) -> list[Any]:
    """Legend entries: the lines, what the band is, and unfinished seeds where there are any."""
    names = {setting.name for setting in settings}
    handles: list[Any] = [
        Line2D([], [], lw=1.8, label=name, **look.options) for name, look in looks.items() if name in names
    ]
    if any(len(setting.done) > 1 for setting in settings):
        handles.append(Patch(color="#888888", alpha=0.3, lw=0, label=BAND_TEXT[band]))
    if any(unfinished(setting) for setting in settings):
        handles.append(Line2D([], [], color="#888888", lw=0.9, label="unfinished seed"))
    return handles


def legend_below(figure: Figure, handles: Sequence[Any]) -> None:
    """One legend for all panels, in as many columns as fit; the figure becomes taller by its rows."""
    columns = _columns([handle.get_label() for handle in handles], figure.get_figwidth())
    figure.set_figheight(figure.get_figheight() + LEGEND_ROW * math.ceil(len(handles) / columns))
    figure.legend(handles=handles, loc="outside lower center", ncols=columns, frameon=False, fontsize=9)


def _why_no_line(setting: Setting, curves: Sequence[Curve], axis: Axis) -> str:
    usable = [run for run in setting.runs if run.usable]
    if not usable:
        return "damaged or left out"
    if not any(len(run.episodes) or run.curve is not None for run in usable):
        return "no episodes yet"
    if not any(len(curve.timesteps) for curve in curves):
        return f"no {axis} recorded"
    return f"seeds without common {axis}"


def _columns(labels: Sequence[str], width: float) -> int:
    """As many as fit into ``width`` inches: all in one row, or columns as wide as the longest label."""
    characters = 13 * width
    handle = 6
    if sum(len(label) + handle for label in labels) <= characters:
        return max(1, len(labels))
    return max(1, int(characters // (max(map(len, labels)) + handle)))
