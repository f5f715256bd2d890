"""Learning-curve figures: one panel per environment, one line per setting, readable in greyscale."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import FuncFormatter, MaxNLocator

from analysis.formats import level_text, short_env_id, timesteps_text
from analysis.load import Setting
from analysis.reference import Reference
from analysis.run_statistics import learning_curve
from analysis.statistics.curves import Band, over_seeds

WINDOW = 100
PANEL_SIZE = (4.0, 2.9)
SINGLE_PANEL_SIZE = (6.4, 3.8)
MAX_COLUMNS = 3
# Okabe and Ito's colour-blind safe palette, neighbours far apart in lightness.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#000000", "#CC79A7", "#56B4E9", "#E69F00")
LINE_STYLES: tuple[Any, ...] = ("-", (0, (7, 1.5)), (0, (1, 1)), (0, (5, 1, 1, 1)), (0, (3, 1, 1, 1, 1, 1)))
REFERENCE_COLOUR = "#555555"
BAND_TEXT = {"range": "lowest to highest seed", "std": "± 1 standard deviation over seeds"}


@dataclass(frozen=True)
class LineLook:
    """How one setting is drawn, the same in every panel."""

    colour: str
    style: Any


def learning_curves(
    settings: Sequence[Setting],
    reference_of: Callable[[str], Reference | None],
    *,
    band: Band = "range",
    window: int = WINDOW,
) -> Figure:
    """Draw smoothed episode return against timesteps.

    A line is the mean over finished seeds of the mean return of a seed's last ``window`` episodes, drawn only
    where every one of these seeds has data. A seed that is not finished is a thin line of its own and no
    part of the mean. A dashed line is the reference level; where it lies far from every curve an arrow says
    so instead.

    Args:
        settings: what to draw; at least one.
        reference_of: the reference level by environment id.
        band: what the shaded band around a line shows.
        window: episodes to smooth over.

    Returns:
        A figure on the Agg canvas, bound to no global pyplot state.
    """
    env_ids = sorted({setting.env_id for setting in settings})
    if not env_ids:
        raise ValueError("expected at least one setting to draw")
    names = sorted({setting.name for setting in settings})
    looks = {
        name: LineLook(COLOURS[i % len(COLOURS)], LINE_STYLES[i % len(LINE_STYLES)])
        for i, name in enumerate(names)
    }
    columns = min(len(env_ids), MAX_COLUMNS)
    rows = math.ceil(len(env_ids) / columns)
    width, height = SINGLE_PANEL_SIZE if len(env_ids) == 1 else PANEL_SIZE
    figure = Figure(figsize=(width * columns, height * rows + 0.6), layout="constrained")
    FigureCanvasAgg(figure)
    panels = figure.subplots(rows, columns, squeeze=False).ravel()
    for index, axes in enumerate(panels):
        if index >= len(env_ids):
            axes.remove()
            continue
        here = [setting for setting in settings if setting.env_id == env_ids[index]]
        _draw_panel(axes, here, looks, band, window)
        _draw_reference(axes, reference_of(env_ids[index]))
        axes.set_title(short_env_id(env_ids[index]))
        if index % columns == 0:
            axes.set_ylabel(f"return (last {window} episodes)")
        if index + columns >= len(env_ids):
            axes.set_xlabel("timesteps")
    handles = _legend(settings, looks, reference_of, band)
    figure.legend(
        handles=handles,
        loc="outside lower center",
        ncols=_legend_columns([handle.get_label() for handle in handles], figure.get_figwidth()),
        frameon=False,
        fontsize=9,
    )
    return figure


def save_figure(figure: Figure, stem: Path) -> list[Path]:
    """Write ``<stem>.png`` (160 dpi) and ``<stem>.svg``; the same figure gives the same bytes.

    Returns:
        The two paths.
    """
    paths = [stem.with_name(f"{stem.name}.{suffix}") for suffix in ("png", "svg")]
    with matplotlib.rc_context({"svg.hashsalt": stem.name}):
        figure.savefig(paths[0], dpi=160, facecolor="white", metadata={"Software": None})
        figure.savefig(paths[1], facecolor="white", metadata={"Date": None})
    return paths


def _draw_panel(
    axes: Axes, settings: Sequence[Setting], looks: dict[str, LineLook], band: Band, window: int
) -> None:
    for setting in settings:
        look = looks[setting.name]
        mean = over_seeds([learning_curve(run, window) for run in setting.done], band)
        if mean is not None:
            axes.plot(mean.timesteps, mean.mean, color=look.colour, linestyle=look.style, lw=1.8, zorder=3)
            if mean.seeds > 1:
                axes.fill_between(mean.timesteps, mean.low, mean.high, color=look.colour, alpha=0.18, lw=0)
        for run in setting.runs:
            if run.usable and not run.done and len(run.episodes):
                curve = learning_curve(run, window)
                axes.plot(
                    curve.timesteps, curve.returns, color=look.colour, linestyle=look.style, lw=0.9, alpha=0.7
                )
    if not axes.lines:
        axes.text(0.5, 0.5, "no episodes yet", transform=axes.transAxes, ha="center", va="center")
    axes.set_xlim(0, max(setting.n_timesteps for setting in settings))
    axes.xaxis.set_major_locator(MaxNLocator(5))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: timesteps_text(value)))
    axes.grid(color="#dddddd", lw=0.6)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)


def _draw_reference(axes: Axes, reference: Reference | None) -> None:
    """A dashed line at the level, or an arrow towards it where it would squash the curves."""
    if reference is None:
        return
    text = level_text(reference.value)
    small: dict[str, Any] = {"fontsize": 8, "color": REFERENCE_COLOUR, "ha": "left"}
    low, high = axes.get_ylim()
    span = high - low
    if not axes.lines or low - 0.75 * span <= reference.value <= high + 0.75 * span:
        axes.axhline(reference.value, color=REFERENCE_COLOUR, linestyle="--", lw=1.0, zorder=2)
        if axes.lines:
            axes.set_ylim(min(low, reference.value - 0.1 * span), max(high, reference.value + 0.15 * span))
        axes.text(0.01, reference.value, text, transform=axes.get_yaxis_transform(), va="bottom", **small)
    elif reference.value > high:
        axes.text(0.01, 0.98, f"reference {text} ↑", transform=axes.transAxes, va="top", **small)
    else:
        axes.text(0.01, 0.02, f"reference {text} ↓", transform=axes.transAxes, va="bottom", **small)


def _legend(
    settings: Sequence[Setting],
    looks: dict[str, LineLook],
    reference_of: Callable[[str], Reference | None],
    band: Band,
) -> list[Any]:
    handles: list[Any] = [
        Line2D([], [], color=look.colour, linestyle=look.style, lw=1.8, label=name)
        for name, look in looks.items()
    ]
    if any(len(setting.done) > 1 for setting in settings):
        handles.append(Patch(color="#888888", alpha=0.3, lw=0, label=BAND_TEXT[band]))
    if any(run.usable and not run.done and len(run.episodes) for setting in settings for run in setting.runs):
        handles.append(Line2D([], [], color="#888888", lw=0.9, label="unfinished seed"))
    sources = sorted({found.source for s in settings if (found := reference_of(s.env_id)) is not None})
    if sources:
        label = f"reference: {'; '.join(sources)}"
        handles.append(Line2D([], [], color=REFERENCE_COLOUR, linestyle="--", lw=1.0, label=label))
    return handles


def _legend_columns(labels: Sequence[str], width: float) -> int:
    """As many as fit into ``width`` inches: all in one row, or columns as wide as the longest label."""
    characters = 13 * width
    handle = 6
    if sum(len(label) + handle for label in labels) <= characters:
        return len(labels)
    return max(1, int(characters // (max(map(len, labels)) + handle)))
