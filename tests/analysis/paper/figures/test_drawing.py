from __future__ import annotations

import numpy as np
import pytest
from matplotlib.collections import PolyCollection

from analysis.paper.figures import FIGURES, draw
from analysis.paper.figures.public import COLOUR as PUBLISHED_COLOUR
from analysis.paper.figures.public import published_curves

BREAKOUT = "BreakoutNoFrameskip-v4"
CHEETAH = "HalfCheetah-v5"


def panel(drawing, title: str):
    (axes,) = [axes for axes in drawing.axes if axes.get_title() == title]
    return axes


def own(axes) -> list:
    return [line for line in axes.lines if line.get_color() != PUBLISHED_COLOUR]


def texts(axes) -> list[str]:
    return [text.get_text() for text in axes.texts]


def test_line_and_band_are_mean_and_deviation_of_the_smoothed_seeds(runs, load) -> None:
    returns = np.random.default_rng(0).normal(size=(3, 60)).cumsum(axis=1)
    for seed in range(3):
        runs.add(returns[seed], sweep="mujoco8", env_id=CHEETAH, seed=seed, n_timesteps=600)
    axes = panel(draw("figure3", load()), CHEETAH)
    (line,) = axes.lines
    ends = np.arange(10, 610, 10)
    smoothed = np.array([[seed[max(0, i - 9) : i + 1].mean() for i in range(60)] for seed in returns])
    x, y = line.get_data()
    np.testing.assert_allclose(y, np.mean([np.interp(x, ends, seed) for seed in smoothed], axis=0))
    deviation = np.std([np.interp(x, ends, seed) for seed in smoothed], axis=0, ddof=1)
    (band,) = [item for item in axes.collections if isinstance(item, PolyCollection)]
    heights = band.get_paths()[0].vertices
    for place in (0, 200, 399):
        edges = heights[np.isclose(heights[:, 0], x[place]), 1]
        assert edges.min() == pytest.approx(y[place] - deviation[place])
        assert edges.max() == pytest.approx(y[place] + deviation[place])
    assert axes.get_xlim() == (0.0, 600.0)


def test_atlantis_by_hours_episodes_and_timesteps(runs, load) -> None:
    returns = np.arange(200.0)
    runs.add(returns, sweep="atlantis", env_id="AtlantisNoFrameskip-v4", length=50, n_timesteps=10_000)
    hours, episodes, timesteps = draw("figure2", load()).axes
    assert [axes.get_xlabel() for axes in (hours, episodes, timesteps)] == [
        "hours of training",
        "episodes",
        "timesteps",
    ]
    ends = {hours: 200 / 3600, episodes: 200, timesteps: 10_000}  # an episode takes a second
    expected = [returns[max(0, i - 99) : i + 1].mean() for i in range(200)]
    for axes, end in ends.items():
        (line,) = axes.lines
        x, y = line.get_data()
        assert x[-1] == pytest.approx(end)
        np.testing.assert_allclose(y, np.interp(x, np.linspace(end / 200, end, 200), expected))
        assert axes.get_xlim()[1] == pytest.approx(end)


def test_panel_d_is_panel_c_by_updates(runs, load) -> None:
    for label, n_steps in (("acktr-160", 5), ("acktr-640", 20)):
        runs.add(
            np.arange(80.0),
            sweep="batch_size",
            agent=label,
            algo="acktr",
            env_id=BREAKOUT,
            length=1280,
            n_timesteps=102_400,
            hyperparameters={"n_envs": 32, "n_steps": n_steps},
        )
    drawing = draw("figure5", load())
    by_timesteps, by_updates = panel(drawing, "(c) Breakout"), panel(drawing, "(d) Breakout")
    assert by_updates.get_xlabel() == "updates (timesteps / batch size)"
    for here, there, batch in zip(by_timesteps.lines, by_updates.lines, (160, 640), strict=True):
        np.testing.assert_allclose(there.get_xdata() * batch, here.get_xdata())
        np.testing.assert_allclose(there.get_ydata(), here.get_ydata())
    assert by_updates.get_xlim() == (0.0, 640.0)
    assert texts(panel(drawing, "(a) HalfCheetah-v5")) == ["no runs"]


def test_updates_without_a_batch_size_are_said_to_be_unknown(runs, load) -> None:
    runs.add([1.0] * 50, sweep="batch_size", env_id=BREAKOUT)
    assert "no updates recorded" in texts(panel(draw("figure5", load()), "(d) Breakout"))


def test_unfinished_runs_are_drawn_as_far_as_they_went_and_counted(runs, load) -> None:
    runs.add([1.0] * 100, sweep="mujoco8", env_id=CHEETAH, seed=0, n_timesteps=1000)
    runs.add([2.0] * 40, sweep="mujoco8", env_id=CHEETAH, seed=1, n_timesteps=1000, state="running")
    runs.add([], sweep="mujoco8", env_id=CHEETAH, agent="a2c", n_timesteps=1000, state="pending")
    drawing = draw("figure3", load())
    axes = panel(drawing, CHEETAH)
    mean, thin = axes.lines
    assert (mean.get_xdata()[-1], thin.get_xdata()[-1]) == (1000, 400)
    assert thin.get_linewidth() < mean.get_linewidth()
    assert texts(axes) == ["no episodes yet: a2c", "no runs of trpo"]
    assert "unfinished seed" in [text.get_text() for text in drawing.legends[0].get_texts()]
    assert drawing.get_suptitle() == (
        "Figure 3: eight MuJoCo tasks, 1k of 1M timesteps\n"
        "0 to 1 finished seeds per line, 3 in the paper; 2 of 3 runs unfinished"
    )


def test_damaged_runs_are_counted(runs, load) -> None:
    directory = runs.add([1.0] * 50, sweep="mujoco8", env_id=CHEETAH)
    (directory / "episodes.csv").write_text("nonsense\n")
    drawing = draw("figure3", load())
    assert texts(panel(drawing, CHEETAH))[0] == "damaged or left out"
    assert "1 of 1 runs damaged or left out" in drawing.get_suptitle()


@pytest.mark.parametrize(
    ("budgets", "text"),
    [
        ((10_000_000,), "10M timesteps"),
        ((1_000_000,), "1M of 10M timesteps"),
        ((1_000_000, 10_000_000), "1M to 10M of 10M timesteps"),
        ((50_000_000,), "50M timesteps, shown to 10M"),
    ],
)
def test_budget_stands_beside_the_papers(runs, load, budgets: tuple[int, ...], text: str) -> None:
    for number, n_timesteps in enumerate(budgets):
        length = n_timesteps // 50
        fields = {"agent": f"agent{number}", "env_id": BREAKOUT, "n_timesteps": n_timesteps, "length": length}
        runs.add([1.0] * 50, sweep="atari6", **fields)
    drawing = draw("figure1", load())
    assert drawing.get_suptitle().split("\n")[0] == f"Figure 1: six Atari games, {text}"
    axes = panel(drawing, "Breakout")
    assert axes.get_xlim()[1] == min(max(budgets), 10_000_000)
    assert max(line.get_xdata()[-1] for line in own(axes)) <= 10_000_000


def test_budgets_of_different_panels_name_them(runs, load) -> None:
    runs.add([1.0] * 50, sweep="critic_norm-short", env_id=CHEETAH, n_timesteps=300_000)
    runs.add([1.0] * 50, sweep="batch_size-short", env_id=BREAKOUT, n_timesteps=1_000_000)
    title = draw("figure5", load()).get_suptitle().split("\n")[0]
    assert title.endswith(", 300k of 1M timesteps (a); 1M of 10M timesteps (c, d)")


def test_published_curves_are_dashed_named_and_end_with_the_runs(runs, load) -> None:
    for env_id in (BREAKOUT, "PongNoFrameskip-v4"):
        runs.add([1.0] * 50, sweep="atari6", env_id=env_id, length=40_000, n_timesteps=2_000_000)
    drawing = draw("figure1", load())
    axes = panel(drawing, "Breakout")
    lines = [line for line in axes.lines if line.get_color() == PUBLISHED_COLOUR]
    assert len({line.get_marker() for line in lines}) == len(lines) == 3
    for line, algo in zip(lines, FIGURES["figure1"].public, strict=True):
        curve = published_curves()[algo, BREAKOUT]
        known = curve.timesteps <= 2_000_000
        assert line.get_linestyle() == "--"
        np.testing.assert_array_equal(line.get_xdata(), curve.timesteps[known])
        np.testing.assert_array_equal(line.get_ydata(), curve.returns[known])
    names = [text.get_text() for text in drawing.legends[0].get_texts()]
    assert names[1:] == [
        f"{algo}, published by openai/baselines (6 runs, digitised)" for algo in ("acktr", "a2c", "trpo_mpi")
    ]
    assert not panel(drawing, "Qbert").lines


def test_a_tier_is_not_another_sweep_that_begins_alike(runs, load) -> None:
    runs.add([1.0] * 50, sweep="mujoco8_30m", env_id=CHEETAH)
    assert texts(panel(draw("figure3", load()), CHEETAH)) == ["no runs"]
    runs.add([1.0] * 50, sweep="mujoco8-short", env_id=CHEETAH)
    assert len(panel(draw("figure3", load()), CHEETAH).lines) == 1


def test_two_tiers_are_told_apart_by_their_budget(runs, load) -> None:
    runs.add([1.0] * 50, sweep="mujoco8-smoke", env_id=CHEETAH, n_timesteps=500)
    runs.add([1.0] * 50, sweep="mujoco8-short", env_id=CHEETAH, n_timesteps=1000)
    drawing = draw("figure3", load())
    assert [text.get_text() for text in drawing.legends[0].get_texts()] == [
        "acktr (n_timesteps=1000)",
        "acktr (n_timesteps=500)",
    ]
