"""Figures of point estimates with their intervals: aggregate scores, probability of improvement."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator

from analysis.figures_panel import empty_figure, legend_below, looks_of
from analysis.load import Setting
from analysis.scores import human_normalised_scores, pairs_of, raw_scores
from analysis.statistics.aggregates import AGGREGATES, aggregate
from analysis.statistics.improvement import probability_of_improvement
from analysis.statistics.intervals import Interval
from analysis.statistics.resampling import enough_replications

POINT_MARKERS = ("o", "s", "^", "D", "v", "P", "X")
ROW = 0.45  # inches
NAME_WIDTH = 32  # characters
BAR_TEXT = "95 % interval (stratified bootstrap of whole runs)"
IMPROVEMENT_BAR_TEXT = "95 % interval (score interval)"


def aggregates_figure(settings: Sequence[Setting]) -> Figure | None:
    """IQM, median, mean and optimality gap of human-normalised scores, a panel each, an agent a row.

    The values are those of :func:`analysis.sections.aggregates.aggregates_table`. None where nothing can be
    normalised.
    """
    found = human_normalised_scores(settings)
    if found is None:
        return None
    replications = enough_replications(max(sum(scores.sizes) for scores in found.by_agent.values()))
    by_agent = {
        name: [points[0] for points in aggregate(scores, AGGREGATES, replications=replications)]
        for name, scores in found.by_agent.items()
    }
    figure = empty_figure(3.0 * len(AGGREGATES), 1.6 + ROW * len(by_agent))
    for number, axes in enumerate(figure.subplots(1, len(AGGREGATES), sharey=True)):
        _draw_rows(axes, {name: intervals[number] for name, intervals in by_agent.items()})
        axes.set_title(AGGREGATES[number].name, fontsize=10)
        axes.set_xlabel("human-normalised score")
    _legend(figure, [interval for intervals in by_agent.values() for interval in intervals], BAR_TEXT)
    return figure


def improvement_figure(settings: Sequence[Setting]) -> Figure | None:
    """How likely a run of one agent scores above a run of another, averaged over tasks, a pair a row.

    The values are those of :func:`analysis.sections.aggregates.improvement_table`; None where it is.
    """
    found = raw_scores(settings)
    pairs = pairs_of(list(found.by_agent)) if found is not None else []
    if found is None or not pairs:
        return None
    intervals = {
        f"{x} > {y}": probability_of_improvement(found.by_agent[x], found.by_agent[y]) for x, y in pairs
    }
    figure = empty_figure(7.2, 1.6 + ROW * len(pairs))
    axes = figure.subplots()
    _draw_rows(axes, intervals)
    axes.axvline(0.5, color="#555555", linestyle="--", lw=1.0, zorder=1)
    axes.set_xlim(-0.03, 1.03)
    axes.set_xticks([0.0, 0.25, 0.5, 0.75, 1.0])
    tasks = len(next(iter(found.by_agent.values())).tasks)
    axes.set_xlabel(f"P(X > Y), over {tasks} {'task' if tasks == 1 else 'tasks'}")
    _legend(figure, list(intervals.values()), IMPROVEMENT_BAR_TEXT)
    return figure


def _draw_rows(axes: Axes, rows: Mapping[str, Interval]) -> None:
    """A point per name from the top down, with a bar where there is an interval."""
    looks = looks_of(rows)
    for row, (name, interval) in enumerate(rows.items()):
        colour = looks[name].colour
        if interval.low is not None and interval.high is not None:
            axes.plot([interval.low, interval.high], [row, row], color=colour, lw=6, alpha=0.35)
        marker = POINT_MARKERS[row % len(POINT_MARKERS)]
        axes.plot([interval.estimate], [row], color=colour, marker=marker, linestyle="none")
    axes.set_yticks(range(len(rows)), [textwrap.fill(name, NAME_WIDTH) for name in rows], fontsize=9)
    axes.set_ylim(len(rows) - 0.5, -0.5)
    axes.xaxis.set_major_locator(MaxNLocator(4))
    axes.grid(color="#dddddd", lw=0.6, axis="x")
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)


def _legend(figure: Figure, intervals: Sequence[Interval], bar_text: str) -> None:
    handles: list[Line2D | Patch] = []
    if any(interval.low is not None for interval in intervals):
        handles.append(Line2D([], [], color="#888888", lw=6, alpha=0.35, label=bar_text))
    reasons = sorted({interval.missing for interval in intervals if interval.missing})
    handles += [Patch(alpha=0, label=reason) for reason in reasons]
    legend_below(figure, handles)
