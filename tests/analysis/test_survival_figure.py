"""Fractions of seeds at a level, drawn as steps."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from analysis.figures_survival import CENSORED_TEXT, reached_figure
from analysis.load import load_sweeps
from analysis.reference import Reference

LEVEL = Reference(value=5.0, source="a test", window=2)


@pytest.fixture
def settings(runs: Any) -> Any:
    # Windows of two episodes of 10 timesteps: acktr reaches 5 at timestep 20, 40, never; a2c never.
    for seed, returns in enumerate(([6, 6, 6, 6, 6], [0, 0, 6, 6, 6], [0, 0, 0, 0, 0])):
        runs.add(returns, agent="acktr", seed=seed, n_timesteps=50)
    runs.add([0, 0, 0, 0, 0], agent="a2c", n_timesteps=50)
    return load_sweeps(runs.root, ["sweep"]).settings


def test_steps_stand_where_seeds_reach_the_level(settings: Any) -> None:
    (axes,) = reached_figure(settings, lambda env_id: LEVEL).axes  # type: ignore[union-attr]
    steps = [line for line in axes.lines if line.get_drawstyle() == "steps-post"]
    crosses = [line for line in axes.lines if line.get_marker() == "x"]
    a2c, acktr = ([np.asarray(axis, dtype=float).tolist() for axis in line.get_data()] for line in steps)
    assert a2c == [[0, 50], [0, 0]]
    assert acktr[0] == [0, 20, 40, 50]
    assert acktr[1] == pytest.approx([0, 1 / 3, 2 / 3, 2 / 3])
    assert [np.asarray(line.get_xdata()).tolist() for line in crosses] == [[50], [50]]
    assert axes.get_title().startswith("Pong")


def test_the_legend_says_what_a_cross_is(settings: Any, runs: Any) -> None:
    figure = reached_figure(settings, lambda env_id: LEVEL)
    assert figure is not None
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["a2c", "acktr", CENSORED_TEXT]
    runs.add([6, 6], agent="fast", sweep="other", n_timesteps=20)
    alone = reached_figure(load_sweeps(runs.root, ["other"]).settings, lambda env_id: LEVEL)
    assert alone is not None
    assert [text.get_text() for text in alone.legends[0].get_texts()] == ["fast"]


def test_no_level_no_figure(settings: Any) -> None:
    assert reached_figure(settings, lambda env_id: None) is None
