"""What a figure's title says of its runs: their budget beside the paper's, seeds, unfinished runs."""

from __future__ import annotations

from collections.abc import Sequence

from analysis.formats import timesteps_text
from analysis.load import Setting
from analysis.paper.figures.model import Panel, PaperFigure

TOLERANCE = 0.01
"""Relative difference of timesteps below which two budgets count as one."""


def title_lines(figure: PaperFigure, settings: Sequence[Setting]) -> tuple[str, str]:
    """Two lines: the figure with its budget, and the seeds of ``settings``, all of which it shows."""
    return f"{figure.label}: {figure.title}, {budget(figure.panels, settings)}", _seeds(figure, settings)


def budget(panels: Sequence[Panel], settings: Sequence[Setting]) -> str:
    """How much was run beside the paper's budget: ``10M timesteps``, ``1M of 10M timesteps``.

    Where panels differ each text names its own; ``no runs`` where there are none at all.
    """
    texts: dict[str, list[str]] = {}
    for panel in panels:
        here = panel.of(settings)
        if here:
            texts.setdefault(_panel_budget(panel, here), []).append(panel.name)
    if len(texts) <= 1:
        return next(iter(texts), "no runs")
    return "; ".join(f"{text} ({', '.join(names)})" for text, names in texts.items())


def _panel_budget(panel: Panel, settings: Sequence[Setting]) -> str:
    budgets = [setting.n_timesteps for setting in settings]
    low, high = min(budgets), max(budgets)
    paper = timesteps_text(panel.timesteps)
    measured = timesteps_text(high)
    if high > (1 + TOLERANCE) * low:
        measured = f"{timesteps_text(low)} to {measured}"
    if low < (1 - TOLERANCE) * panel.timesteps:
        return f"{measured} of {paper} timesteps"
    if high > (1 + TOLERANCE) * panel.timesteps:
        return f"{measured} timesteps, shown to {paper}"
    return f"{paper} timesteps"


def _seeds(figure: PaperFigure, settings: Sequence[Setting]) -> str:
    runs = [run for setting in settings for run in setting.runs]
    if not runs:
        return "no runs"
    counts = sorted({len(setting.done) for setting in settings})
    span = str(counts[0]) if len(counts) == 1 else f"{counts[0]} to {counts[-1]}"
    parts = [f"{span} finished {'seed' if counts == [1] else 'seeds'} per line"]
    if figure.seeds is not None:
        parts[0] += f", {figure.seeds} in the paper"
    left_out = sum(not run.usable for run in runs)
    unfinished = sum(run.usable and not run.done for run in runs)
    if unfinished:
        parts.append(f"{unfinished} of {len(runs)} runs unfinished")
    if left_out:
        parts.append(f"{left_out} of {len(runs)} runs damaged or left out")
    return "; ".join(parts)
