"""Figures of scores: sample efficiency, performance profile, sensitivity; readable in greyscale."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch, Rectangle
from matplotlib.ticker import FuncFormatter, MaxNLocator

from analysis.figures import SINGLE_PANEL_SIZE
from analysis.figures_panel import empty_figure, legend_below, looks_of
from analysis.formats import returns_text, short_env_id, timesteps_text
from analysis.load import Setting
from analysis.scores import human_normalised_curves, human_normalised_scores
from analysis.sections.grids import Grid, value_text
from analysis.statistics.aggregates import IQM, aggregate, performance_profile
from analysis.statistics.grids import chosen_setting
from analysis.statistics.intervals import Interval
from analysis.statistics.seeds import spread
from analysis.tables import Scalar

REPLICATIONS = 2_000
POINTS = 100
BOOTSTRAP_BAND = "95 % interval, pointwise (stratified bootstrap of whole runs)"
SCORE_BAND = "95 % interval, pointwise (of a fraction)"
PALE = 0.62  # of the colour map: black text below, white above, at a contrast of 4.5 or more


def efficiency_figure(settings: Sequence[Setting]) -> Figure | None:
    """IQM of human-normalised scores against timesteps; None where nothing can be normalised."""
    found = human_normalised_curves(settings, POINTS)
    if found is None:
        return None
    grid, scores = found
    curves = {
        name: aggregate(agent, [IQM], replications=REPLICATIONS)[0] for name, agent in scores.by_agent.items()
    }
    figure, axes = _figure()
    _draw(axes, grid, curves)
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: timesteps_text(value)))
    axes.set_xlabel("timesteps")
    axes.set_ylabel("IQM of human-normalised scores")
    _legend(figure, axes, curves, BOOTSTRAP_BAND)
    return figure


def profile_figure(settings: Sequence[Setting]) -> Figure | None:
    """Fraction of runs above each human-normalised score; None where nothing can be normalised."""
    found = human_normalised_scores(settings)
    if found is None:
        return None
    everything = np.concatenate([scores.values.ravel() for scores in found.by_agent.values()])
    span = max(float(np.ptp(everything)), 1e-6)
    taus = np.linspace(everything.min() - 0.05 * span, everything.max() + 0.02 * span, POINTS)
    profiles = {name: performance_profile(scores, list(taus)) for name, scores in found.by_agent.items()}
    figure, axes = _figure()
    _draw(axes, taus, profiles)
    axes.set_ylim(-0.02, 1.02)
    axes.set_xlabel("human-normalised score τ")
    axes.set_ylabel("fraction of runs with a score above τ")
    _legend(figure, axes, profiles, SCORE_BAND)
    return figure


def sensitivity_figure(grid: Grid) -> Figure:
    """A map per environment: mean return and standard error per setting, the chosen one framed."""
    env_ids = list(next(iter(grid.cells.values())))
    axis_values = [
        list(dict.fromkeys(point[i] for point in grid.points.values())) for i in range(len(grid.axes))
    ]
    rows: list[Scalar] = axis_values[0] if len(grid.axes) == 2 else [None]
    columns = axis_values[-1]
    figure = empty_figure(1.0 + 1.3 * len(columns), (0.9 + 0.6 * len(rows)) * len(env_ids) + 0.3)
    chosen = chosen_setting(grid.cells)
    for axes, env_id in zip(figure.subplots(len(env_ids), 1, squeeze=False).ravel(), env_ids, strict=True):
        means = np.full((len(rows), len(columns)), np.nan)
        texts: dict[tuple[int, int], str] = {}
        frame = (0, 0)
        for name, point in grid.points.items():
            place = (rows.index(point[0]) if len(point) == 2 else 0, columns.index(point[-1]))
            found = spread(list(grid.cells[name][env_id].values()))
            assert found.mean is not None
            means[place] = found.mean
            error = "" if found.std is None else f"\n± {returns_text(found.std / found.seeds**0.5)}"
            texts[place] = returns_text(found.mean) + error
            frame = place if name == chosen else frame
        image = axes.imshow(means, cmap="Greys", aspect="auto")
        for (row, column), text in texts.items():
            dark = image.norm(means[row, column]) > PALE
            axes.text(
                column, row, text, ha="center", va="center", fontsize=8, color="white" if dark else "black"
            )
        axes.add_patch(_frame(frame))
        axes.set_title(f"{short_env_id(env_id)}: last 100, ± standard error, chosen framed", fontsize=8)
        axes.set_xticks(range(len(columns)), map(value_text, columns))
        axes.set_xlabel(grid.axes[-1])
        axes.set_yticks(range(len(rows)), map(value_text, rows) if len(grid.axes) == 2 else [""])
        if len(grid.axes) == 2:
            axes.set_ylabel(grid.axes[0])
    return figure


def _frame(place: tuple[int, int]) -> Patch:
    corner = (place[1] - 0.48, place[0] - 0.46)
    return Rectangle(corner, 0.96, 0.92, fill=False, edgecolor="#D55E00", lw=2.5, linestyle="--")


def _figure() -> tuple[Figure, Axes]:
    figure = empty_figure(*SINGLE_PANEL_SIZE)
    return figure, figure.subplots()


def _draw(axes: Axes, x: npt.NDArray[np.float64], curves: Mapping[str, Sequence[Interval]]) -> None:
    looks = looks_of(curves)
    for name, points in curves.items():
        look = looks[name]
        axes.plot(x, [point.estimate for point in points], lw=1.8, label=name, **look.options)
        if any(point.low is not None for point in points):
            low = [np.nan if point.low is None else point.low for point in points]
            high = [np.nan if point.high is None else point.high for point in points]
            axes.fill_between(x, low, high, color=look.colour, alpha=0.18, lw=0)
    axes.xaxis.set_major_locator(MaxNLocator(6))
    axes.grid(color="#dddddd", lw=0.6)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)


def _legend(figure: Figure, axes: Axes, curves: Mapping[str, Sequence[Interval]], band: str) -> None:
    # Matplotlib leaves out of its own list an agent whose name begins with "_".
    handles: list[Any] = [line for line in axes.get_lines() if line.get_label() in curves]
    missing = [points[0].missing for points in curves.values() if all(point.missing for point in points)]
    reasons = sorted(set(missing))
    if len(missing) < len(curves):
        handles.append(Patch(color="#888888", alpha=0.3, lw=0, label=band))
    handles += [Patch(alpha=0, label=reason) for reason in reasons]
    legend_below(figure, handles)
