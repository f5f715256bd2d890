"""What one would draw today of the runs behind a figure of the paper."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.figure import Figure

from analysis.figures_aggregates import aggregates_figure, improvement_figure
from analysis.figures_scores import efficiency_figure, profile_figure
from analysis.load import Setting
from analysis.paper.figures.catalogue import find_figure
from analysis.paper.figures.kl_ratio import kl_ratio_figure
from analysis.paper.figures.model import PaperFigure, of_sweep
from analysis.paper.figures.selection import shown_settings
from analysis.paper.figures.titles import budget
from analysis.scores import human_normalised_scores

NORMALISED = {
    "aggregates": aggregates_figure,
    "profile": profile_figure,
    "efficiency": efficiency_figure,
}


def modern(figure_id: str, settings: Sequence[Setting]) -> dict[str, Figure]:
    """Draw what applies to the finished runs behind a figure of the paper.

    ``aggregates``, ``profile`` and ``efficiency`` are rliable's, of human-normalised scores: they need at
    least two games with a human level in common. ``improvement``, the probability that a run of one agent
    beats one of another, needs no normalisation, only a task that two agents have in common. ``ratio`` stands
    for Figure 9. Of a figure with several sweeps each has its own, named ``improvement-<sweep>``. Intervals
    are drawn where they hold, otherwise a sentence says why not.

    Args:
        figure_id: ``figure1`` to ``figure9``.
        settings: of the sweeps that the figure needs, in any tier; others are ignored.

    Returns:
        Figures by name; empty where there is nothing to draw.

    Raises:
        ValueError: no figure has this id.
    """
    figure = find_figure(figure_id)
    shown = shown_settings(figure, settings)
    found: dict[str, Figure | None] = {}
    if figure.content == "kl":
        found["ratio"] = kl_ratio_figure(figure, shown)
    else:
        for stem in figure.sweeps:
            suffix = f"-{stem}" if len(figure.sweeps) > 1 else ""
            here = [setting for setting in shown if of_sweep(setting.sweep, stem)]
            found |= {f"{name}{suffix}": drawn for name, drawn in _of_scores(here).items()}
    drawn = {name: drawing for name, drawing in found.items() if drawing is not None}
    for drawing in drawn.values():
        drawing.suptitle(_title(figure, shown), fontsize=9)
    return drawn


def _of_scores(settings: Sequence[Setting]) -> dict[str, Figure | None]:
    scores = human_normalised_scores(settings)
    tasks = 0 if scores is None else len(next(iter(scores.by_agent.values())).tasks)
    found = {name: make(settings) for name, make in NORMALISED.items()} if tasks > 1 else {}
    return {**found, "improvement": improvement_figure(settings)}


def _title(figure: PaperFigure, settings: Sequence[Setting]) -> str:
    runs = [run for setting in settings for run in setting.runs]
    finished = sum(run.done for run in runs)
    counted = "" if finished == len(runs) else f"; {finished} of {len(runs)} runs, the finished ones"
    return f"{figure.label}: {figure.title},\n{budget(figure.panels, settings)}{counted}"
