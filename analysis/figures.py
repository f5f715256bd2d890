"""Learning-curve figures: one panel per environment, one line per setting, readable in greyscale."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from analysis.curve_axes import AXIS_LABELS, Axis
from analysis.figures_panel import (
    draw_settings,
    empty_figure,
    legend_below,
    line_handles,
    looks_of,
    tidy,
)
from analysis.files import replacing
from analysis.formats import level_text, short_env_id
from analysis.load import Setting
from analysis.reference import Reference
from analysis.statistics.curves import Band

WINDOW = 100
PANEL_SIZE = (4.0, 2.9)
SINGLE_PANEL_SIZE = (6.4, 3.8)
MAX_COLUMNS = 3
REFERENCE_COLOUR = "#555555"


def learning_curves(
    settings: Sequence[Setting],
    reference_of: Callable[[str], Reference | None],
    *,
    band: Band = "range",
    window: int = WINDOW,
    axis: Axis = "timesteps",
) -> Figure:
    """Draw smoothed episode return against timesteps, updates, episodes or hours.

    A line is the mean over finished seeds of the mean return of a seed's last ``window`` episodes, drawn only
    where every one of these seeds has data. A seed that is not finished is a thin line of its own and no
    part of the mean. A dashed line is the reference level; where it lies far from every curve an arrow says
    so instead.

    Args:
        settings: what to draw; at least one.
        reference_of: the reference level by environment id.
        band: what the shaded band around a line shows.
        window: episodes to smooth over.
        axis: what the curves are drawn against.

    Returns:
        A figure on the Agg canvas, bound to no global pyplot state.
    """
    env_ids = sorted({setting.env_id for setting in settings})
    if not env_ids:
        raise ValueError("expected at least one setting to draw")
    looks = looks_of(setting.name for setting in settings)
    columns = min(len(env_ids), MAX_COLUMNS)
    rows = math.ceil(len(env_ids) / columns)
    width, height = SINGLE_PANEL_SIZE if len(env_ids) == 1 else PANEL_SIZE
    figure = empty_figure(width * columns, height * rows + 0.4)
    panels = figure.subplots(rows, columns, squeeze=False).ravel()
    for index, axes in enumerate(panels):
        if index >= len(env_ids):
            axes.remove()
            continue
        here = [setting for setting in settings if setting.env_id == env_ids[index]]
        draw_settings(axes, here, looks, band=band, window=window, axis=axis)
        tidy(axes, axis, max(s.n_timesteps for s in here) if axis == "timesteps" else 0)
        _draw_reference(axes, reference_of(env_ids[index]))
        axes.set_title(short_env_id(env_ids[index]))
        if index % columns == 0:
            axes.set_ylabel(f"return (last {window} episodes)")
        if index + columns >= len(env_ids):
            axes.set_xlabel(AXIS_LABELS[axis])
    sources = sorted({found.source for s in settings if (found := reference_of(s.env_id)) is not None})
    handles = line_handles(settings, looks, band)
    if sources:
        label = f"reference: {'; '.join(sources)}"
        handles.append(Line2D([], [], color=REFERENCE_COLOUR, linestyle="--", lw=1.0, label=label))
    legend_below(figure, handles)
    return figure


def save_figure(figure: Figure, stem: Path) -> list[Path]:
    """Write ``<stem>.png`` (160 dpi) and ``<stem>.svg``; the same figure gives the same bytes.

    Returns:
        The two paths.
    """
    paths = [stem.with_name(f"{stem.name}.{suffix}") for suffix in ("png", "svg")]
    with matplotlib.rc_context({"svg.hashsalt": stem.name}):
        with replacing(paths[0]) as file:
            figure.savefig(file, format="png", dpi=160, facecolor="white", metadata={"Software": None})
        with replacing(paths[1]) as file:
            figure.savefig(file, format="svg", facecolor="white", metadata={"Date": None})
    return paths


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
