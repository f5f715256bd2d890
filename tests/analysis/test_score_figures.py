from __future__ import annotations

import numpy as np
from matplotlib.collections import PolyCollection

from analysis.figures_scores import (
    BOOTSTRAP_BAND,
    SCORE_BAND,
    efficiency_figure,
    profile_figure,
    sensitivity_figure,
)
from analysis.load import load_sweeps
from analysis.scores import human_normalised_curves
from analysis.sections.grids import find_grids


def settings_of(runs, seeds: int):
    generator = np.random.default_rng(0)
    for env_id in ("PongNoFrameskip-v4", "BreakoutNoFrameskip-v4", "SeaquestNoFrameskip-v4"):
        for agent in ("a2c", "acktr"):
            for seed in range(seeds):
                runs.add(generator.normal(5, 3, 150), agent=agent, env_id=env_id, seed=seed)
    return load_sweeps(runs.root, ["sweep"]).settings


def legend_texts(figure) -> list[str]:
    return [text.get_text() for text in figure.legends[0].get_texts()]


def test_lines_differ_in_style_and_bands_say_what_they_are(runs) -> None:
    settings = settings_of(runs, seeds=4)
    figures = {BOOTSTRAP_BAND: efficiency_figure(settings), SCORE_BAND: profile_figure(settings)}
    for band, figure in figures.items():
        (axes,) = figure.axes
        assert len({str(line._unscaled_dash_pattern) for line in axes.lines}) == 2
        assert len([c for c in axes.collections if isinstance(c, PolyCollection)]) == 2
        assert legend_texts(figure) == ["a2c", "acktr", band]


def test_two_seeds_have_no_band_but_a_sentence(runs) -> None:
    settings = settings_of(runs, seeds=2)
    for figure in (efficiency_figure(settings), profile_figure(settings)):
        assert len(figure.axes[0].collections) == 0
        assert legend_texts(figure)[2:] == ["no honest interval from 2 runs per task: at least 3 needed"]


def test_curves_share_a_grid_where_all_runs_have_episodes(runs) -> None:
    runs.add([-20.7] * 30, seed=0)
    runs.add([9.3] * 50, seed=1)
    grid, scores = human_normalised_curves(load_sweeps(runs.root, ["sweep"]).settings, points=5)
    np.testing.assert_allclose(grid, np.linspace(10, 300, 5))
    np.testing.assert_allclose(scores.by_agent["acktr"].values, [[0] * 5, [1] * 5], atol=1e-12)


def test_nothing_to_normalise_no_figure(runs) -> None:
    runs.add([1.0] * 100, env_id="CartPole-v1")
    settings = load_sweeps(runs.root, ["sweep"]).settings
    assert efficiency_figure(settings) is None
    assert profile_figure(settings) is None


def test_a_map_has_a_text_per_setting_and_a_frame_around_the_chosen_one(runs) -> None:
    for i, eta_max in enumerate((0.03, 0.3)):
        for j, delta in enumerate((0.001, 0.01)):
            hyperparameters = {"eta_max": eta_max, "delta": delta}
            for seed in (0, 1):
                runs.add(
                    [float(i - j)] * 100, identity=f"{i}{j}" * 4, seed=seed, hyperparameters=hyperparameters
                )
    (grid,) = find_grids(load_sweeps(runs.root, ["sweep"]).settings)
    (axes,) = sensitivity_figure(grid).axes
    assert sorted(text.get_text() for text in axes.texts) == [
        "-1.0\n± 0.0",
        "0.0\n± 0.0",
        "0.0\n± 0.0",
        "1.0\n± 0.0",
    ]
    (frame,) = axes.patches
    assert (round(frame.get_x()), round(frame.get_y())) == (
        1,
        0,
    )  # delta 0.001 (row 0), eta_max 0.3 (column 1)
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("eta_max", "delta")
