"""How many seeds have reached the reference level by when: Kaplan and Meier's estimate, drawn upwards."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from analysis.curve_axes import AXIS_LABELS
from analysis.figures import MAX_COLUMNS, PANEL_SIZE
from analysis.figures_panel import LineLook, empty_figure, legend_below, looks_of, tidy
from analysis.formats import level_text, short_env_id
from analysis.load import Setting
from analysis.reference import Reference
from analysis.sections.time_to_level import times_to_level
from analysis.statistics.survival import Times, kaplan_meier

CENSORED_TEXT = "seed that never reached it: looked at until here"


def reached_figure(
    settings: Sequence[Setting], reference_of: Callable[[str], Reference | None]
) -> Figure | None:
    """One panel per environment with a level, one step line per setting; None without a level or a run.

    A line is 1 minus Kaplan and Meier's estimate (:func:`analysis.statistics.survival.kaplan_meier`) of the
    timestep at which the window of episode N was complete, and ends where the last seed was looked at. A
    cross marks where a seed that never reached the level was given up. No band: with a handful of seeds
    Greenwood's is not honest; the table of times to the level has an interval of the fraction.

    Args:
        settings: what to draw.
        reference_of: the level by environment id.
    """
    found: dict[str, list[tuple[Setting, Times]]] = {}
    for setting in settings:
        reference = reference_of(setting.env_id)
        reached = None if reference is None else times_to_level(setting, reference)
        if reached is not None:
            found.setdefault(setting.env_id, []).append((setting, reached.timesteps))
    if not found:
        return None
    looks = looks_of(setting.name for setting in settings)
    columns = min(len(found), MAX_COLUMNS)
    rows = math.ceil(len(found) / columns)
    figure = empty_figure(PANEL_SIZE[0] * columns, PANEL_SIZE[1] * rows + 0.4)
    panels = figure.subplots(rows, columns, squeeze=False, sharey=True).ravel()
    for axes in panels[len(found) :]:
        axes.remove()
    for index, (axes, env_id) in enumerate(zip(panels, sorted(found), strict=False)):
        for setting, times in found[env_id]:
            _draw(axes, times, looks[setting.name])
        reference = reference_of(env_id)
        assert reference is not None
        tidy(axes, limit=max(float(times.times.max()) for _, times in found[env_id]))
        axes.set_ylim(-0.03, 1.03)
        axes.set_title(f"{short_env_id(env_id)}: {level_text(reference.value)}", fontsize=10)
        if index % columns == 0:
            axes.set_ylabel("fraction of seeds at the level")
        if index + columns >= len(found):
            axes.set_xlabel(AXIS_LABELS["timesteps"])
    drawn = [(setting, times) for members in found.values() for setting, times in members]
    names = {setting.name for setting, _ in drawn}
    handles = [
        Line2D([], [], lw=1.8, label=name, color=look.colour, linestyle=look.style)
        for name, look in looks.items()
        if name in names
    ]
    if any(not times.reached.all() for _, times in drawn):
        handles.append(Line2D([], [], color="#888888", marker="x", linestyle="none", label=CENSORED_TEXT))
    legend_below(figure, handles)
    return figure


def _draw(axes: Axes, times: Times, look: LineLook) -> None:
    curve = kaplan_meier(times)
    end = float(times.times.max())
    x = np.concatenate([[0.0], curve.times, [end]])
    y = np.concatenate([[0.0], 1.0 - curve.survival, [1.0 - curve.at(end)]])
    axes.step(x, y, where="post", color=look.colour, linestyle=look.style, lw=1.8)
    censored = times.times[~times.reached]
    axes.plot(censored, [1.0 - curve.at(t) for t in censored], "x", color=look.colour, ms=6)
