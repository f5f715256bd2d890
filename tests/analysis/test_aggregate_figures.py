from __future__ import annotations

import numpy as np
import pytest

from analysis.figures_aggregates import BAR_TEXT, aggregates_figure, improvement_figure
from analysis.load import load_sweeps
from analysis.sections.aggregates import aggregates_table, improvement_table

GAMES = ("Breakout", "Pong", "Qbert", "Seaquest")


def settings_of(runs, seeds: int = 4):
    generator = np.random.default_rng(0)
    for game in GAMES:
        for agent in ("a2c", "acktr"):
            for seed in range(seeds):
                runs.add(generator.normal(5, 3, 120), agent=agent, env_id=f"{game}NoFrameskip-v4", seed=seed)
    return load_sweeps(runs.root, ["sweep"]).settings


def rows_of(axes) -> list[tuple[float, tuple[float, ...] | None]]:
    """Estimate and interval of every row from the top down."""
    points = [line for line in axes.lines if line.get_marker() not in ("None", "")]
    bars = {int(line.get_ydata()[0]): tuple(line.get_xdata()) for line in axes.lines if line.get_lw() == 6}
    return [(point.get_xdata()[0], bars.get(row)) for row, point in enumerate(points)]


def legend_texts(figure) -> list[str]:
    return [text.get_text() for text in figure.legends[0].get_texts()]


def test_aggregates_are_those_of_the_table(runs) -> None:
    settings = settings_of(runs)
    figure = aggregates_figure(settings)
    records = aggregates_table(settings).records()
    for axes, key in zip(figure.axes, ("iqm", "median", "mean", "optimality_gap"), strict=True):
        expected = [(record[key], record[f"{key}_low"], record[f"{key}_high"]) for record in records]
        for (estimate, bar), (value, low, high) in zip(rows_of(axes), expected, strict=True):
            assert estimate == pytest.approx(value)
            assert (bar is None) == (low is None)
            assert bar is None or bar == pytest.approx((low, high))
    assert [text.get_text() for text in figure.axes[0].get_yticklabels()] == ["a2c", "acktr"]
    assert figure.axes[0].get_ylim()[0] > figure.axes[0].get_ylim()[1]
    assert BAR_TEXT in legend_texts(figure)


def test_improvement_is_that_of_the_table(runs) -> None:
    settings = settings_of(runs)
    figure = improvement_figure(settings)
    (record,) = improvement_table(settings).records()
    ((estimate, bar),) = rows_of(figure.axes[0])
    assert estimate == pytest.approx(record["probability"])
    assert bar == pytest.approx((record["probability_low"], record["probability_high"]))
    assert figure.axes[0].get_xlabel() == "P(X > Y), over 4 tasks"


def test_two_seeds_have_no_bar_but_a_sentence(runs) -> None:
    settings = settings_of(runs, seeds=2)
    for figure in (aggregates_figure(settings), improvement_figure(settings)):
        assert all(bar is None for axes in figure.axes for _, bar in rows_of(axes))
        assert BAR_TEXT not in legend_texts(figure)
        assert "no honest interval from 2 runs per task: at least 3 needed" in legend_texts(figure)


def test_nothing_to_compare_no_figure(runs) -> None:
    runs.add([1.0] * 100, env_id="CartPole-v1")
    settings = load_sweeps(runs.root, ["sweep"]).settings
    assert aggregates_figure(settings) is None
    assert improvement_figure(settings) is None
