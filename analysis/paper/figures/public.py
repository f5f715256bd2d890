"""Published learning curves beside the runs: grey dashed lines, told apart by their markers."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from functools import cache
from typing import Any

from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from analysis.importing.curves_csv import PUBLISHED, read_curve_runs
from analysis.statistics.curves import Curve

COLOUR = "#777777"
MARKERS = ("o", "s", "^", "v", "D")


@cache
def published_curves() -> Mapping[tuple[str, str], Curve]:
    """``(algorithm, env_id)`` -> mean return over 6 runs, read off OpenAI's drawings; the file says where."""
    runs = read_curve_runs(PUBLISHED["baselines-atari10M"])
    return {(run.label, run.env_id): run.curve for run in runs if run.curve is not None}


def draw_published(axes: Axes, env_id: str, algos: Sequence[str], until: float) -> None:
    """Draw those of the algorithms' published curves that there are, up to ``until`` timesteps."""
    for algo in algos:
        curve = published_curves().get((algo, env_id))
        if curve is not None:
            known = curve.timesteps <= until
            axes.plot(curve.timesteps[known], curve.returns[known], zorder=1.5, **_options(algo, algos))


def published_handles(env_ids: Collection[str], algos: Sequence[str]) -> list[Any]:
    """Legend entries of what :func:`draw_published` draws in panels of these environments."""
    text = "{}, published by openai/baselines (6 runs, digitised)"
    return [
        Line2D([], [], label=text.format(algo), **_options(algo, algos))
        for algo in algos
        if any((algo, env_id) in published_curves() for env_id in env_ids)
    ]


def _options(algo: str, algos: Sequence[str]) -> dict[str, Any]:
    marker = MARKERS[algos.index(algo) % len(MARKERS)]
    return {
        "color": COLOUR,
        "linestyle": "--",
        "lw": 0.9,
        "marker": marker,
        "markersize": 3.5,
        "markevery": 0.15,
    }
