from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from matplotlib.collections import PolyCollection
from matplotlib.colors import to_rgba

from analysis.figures import REFERENCE_COLOUR, learning_curves, save_figure
from analysis.load import load_sweeps

RISING = list(np.linspace(0.0, 20.0, 200))


def curves(axes) -> list:
    return [line for line in axes.lines if line.get_color() != REFERENCE_COLOUR]


def reference_lines(axes) -> list:
    return [line for line in axes.lines if line.get_color() == REFERENCE_COLOUR]


def draw(runs, reference=None, **options):
    return learning_curves(load_sweeps(runs.root, ["sweep"]).settings, lambda env_id: reference, **options)


def legend_texts(figure) -> list[str]:
    return [text.get_text() for text in figure.legends[0].get_texts()]


def test_a_panel_per_environment_and_a_line_per_agent(runs, level) -> None:
    for env_id in ("PongNoFrameskip-v4", "Ant-v5"):
        for agent in ("acktr", "a2c"):
            for seed in (0, 1):
                runs.add(RISING, env_id=env_id, agent=agent, seed=seed, n_timesteps=2000)
    figure = draw(runs, level(15.0))
    assert [axes.get_title() for axes in figure.axes] == ["Ant-v5", "Pong"]
    for axes in figure.axes:
        assert len(curves(axes)) == 2
        assert len([c for c in axes.collections if isinstance(c, PolyCollection)]) == 2
        assert len(reference_lines(axes)) == 1
        assert axes.get_xlim() == (0.0, 2000.0)
        assert axes.get_xlabel() == "timesteps"
    assert figure.axes[0].get_ylabel() == "return (last 100 episodes)"
    assert legend_texts(figure) == ["a2c", "acktr", "lowest to highest seed", "reference: a human"]


def test_a_line_is_the_mean_of_the_smoothed_seeds(runs) -> None:
    runs.add([0.0, 2.0, 4.0, 6.0], seed=0)
    runs.add([10.0, 10.0, 10.0, 10.0, 10.0], seed=1)
    (line,) = curves(draw(runs, window=2).axes[0])
    x, y = line.get_data()
    assert (x[0], x[-1]) == (10.0, 40.0)
    assert np.interp([10, 20, 30, 40], x, y) == pytest.approx([5.0, 5.5, 6.5, 7.5], abs=1e-2)


def test_line_styles_differ_so_that_greyscale_is_enough(runs) -> None:
    for agent in ("a2c", "acktr", "trpo"):
        runs.add(RISING, agent=agent)
    lines = curves(draw(runs).axes[0])
    assert len({str(line._unscaled_dash_pattern) for line in lines}) == 3


def test_an_agent_looks_the_same_in_every_panel(runs) -> None:
    runs.add(RISING, agent="acktr", env_id="Ant-v5")
    runs.add(RISING, agent="a2c")
    runs.add(RISING, agent="acktr")
    ant, pong = draw(runs).axes
    (line,) = curves(ant)
    assert to_rgba(line.get_color()) == to_rgba(curves(pong)[1].get_color())


def test_band_is_named_after_what_it_shows(runs) -> None:
    runs.add(RISING, seed=0)
    runs.add(RISING[::-1], seed=1)
    assert "lowest to highest seed" in legend_texts(draw(runs))
    assert "± 1 standard deviation over seeds" in legend_texts(draw(runs, band="std"))


def test_one_seed_has_no_band(runs) -> None:
    runs.add(RISING)
    figure = draw(runs)
    assert len(figure.axes[0].collections) == 0
    assert legend_texts(figure) == ["acktr"]


@pytest.mark.parametrize(
    ("axis", "label", "end"),
    [("updates", "updates (timesteps / batch size)", 50.0), ("episodes", "episodes", 200.0)],
)
def test_curves_against_another_axis(runs, axis: str, label: str, end: float) -> None:
    runs.add(RISING, hyperparameters={"n_envs": 4, "n_steps": 10})
    (axes,) = draw(runs, axis=axis).axes
    assert axes.get_xlabel() == label
    assert curves(axes)[0].get_xdata()[-1] == pytest.approx(end)


def test_a_setting_without_a_line_is_named_with_the_reason(runs) -> None:
    runs.add(RISING, agent="acktr")
    runs.add([], agent="a2c", state="pending")
    runs.add([], agent="trpo", state="pending")
    assert [text.get_text() for text in draw(runs).axes[0].texts] == ["no episodes yet: a2c, trpo"]


def test_more_agents_than_line_styles_have_markers(runs) -> None:
    for number in range(7):
        runs.add(RISING, agent=f"agent{number}")
    lines = curves(draw(runs).axes[0])
    assert len({(str(line._unscaled_dash_pattern), line.get_marker()) for line in lines}) == 7


def test_unfinished_seed_is_a_thin_line_of_its_own(runs) -> None:
    runs.add(RISING, seed=0)
    runs.add(RISING[:20], seed=1, state="failed")
    figure = draw(runs)
    mean, thin = curves(figure.axes[0])
    assert mean.get_xdata()[-1] == 2000
    assert thin.get_xdata()[-1] == 200
    assert thin.get_linewidth() < mean.get_linewidth()
    assert "unfinished seed" in legend_texts(figure)


def test_runs_without_episodes_leave_a_panel_that_says_so(runs, level) -> None:
    runs.add([], state="pending")
    figure = draw(runs, level(10.0))
    assert "no episodes yet" in [text.get_text() for text in figure.axes[0].texts]


@pytest.mark.parametrize(
    ("value", "text"), [(20182.0, "reference 20,182 ↑"), (-20182.0, "reference -20,182 ↓")]
)
def test_level_far_from_the_curves_is_an_arrow(runs, level, value: float, text: str) -> None:
    runs.add(RISING)
    axes = draw(runs, level(value)).axes[0]
    assert reference_lines(axes) == []
    assert [label.get_text() for label in axes.texts] == [text]
    assert max(map(abs, axes.get_ylim())) < 100


def test_level_near_the_curves_is_inside_the_panel(runs, level) -> None:
    runs.add(RISING)
    axes = draw(runs, level(18.0)).axes[0]
    low, high = axes.get_ylim()
    assert low < 0 < 18 < high
    assert list(reference_lines(axes)[0].get_ydata()) == [18.0, 18.0]


def test_unused_places_of_the_grid_are_removed(runs) -> None:
    for env_id in ("A-v0", "B-v0", "C-v0", "D-v0"):
        runs.add(RISING, env_id=env_id)
    axes = draw(runs).axes
    assert len(axes) == 4
    assert [panel.get_xlabel() for panel in axes] == ["", "timesteps", "timesteps", "timesteps"]


def test_files_are_written_and_the_same_every_time(runs, tmp_path: Path) -> None:
    runs.add(RISING)
    contents = []
    for _ in range(2):
        paths = save_figure(draw(runs), tmp_path / "curves")
        contents.append([path.read_bytes() for path in paths])
    assert [path.name for path in paths] == ["curves.png", "curves.svg"]
    assert contents[0] == contents[1]
    assert contents[0][0].startswith(b"\x89PNG")
    assert b"<svg" in contents[0][1]


def test_nothing_to_draw_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one setting"):
        learning_curves([], lambda env_id: None)
